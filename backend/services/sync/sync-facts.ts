// What the routes of synchronisation tell of themselves, for the OpenAPI description: answers as schemas, and problems of their own.
// Tests: test/http/sync-routes.test.ts, test/http/openapi.test.ts
import * as z from "zod";
import { explained, named } from "../../http/openapi/named-schemas.js";
import type { MethodFacts } from "../../http/route-methods.js";
import type { ConnectionOverview, SyncFailure } from "./sync-overview.js";

const instant = () => z.iso.datetime();
const status = z.enum(["fresh", "syncing", "stale", "conflict", "failed"]);
const counts = z.strictObject({
  fresh: z.int(),
  syncing: z.int(),
  stale: z.int(),
  conflict: z.int(),
  failed: z.int(),
});
const AWAY = 503;

const connection = named(
  "SyncConnection",
  z.strictObject({
    id: z.guid(),
    crm_system: z.string(),
    problem: explained(
      "Why it does not work: the CRM is away, asks to wait, or takes the token no longer.",
      z.string().nullable(),
    ),
    problem_since: instant().nullable(),
    needs_reconnect: z.boolean(),
    is_away: z.boolean(),
    replayed_at: instant().nullable(),
    full_read_at: instant().nullable(),
    clients: counts,
    waiting_events: z.int(),
    waiting_changes: z.int(),
    dead_letters: z.int(),
  } satisfies Record<keyof ConnectionOverview, z.ZodType>),
);

const failure = named(
  "SyncFailure",
  z.strictObject({
    id: z.string(),
    connection_id: z.guid(),
    kind: z.enum(["change", "erasure", "event"]),
    status: z.enum(["conflict", "dead"]),
    subject: z.string().nullable(),
    problem: z.string().nullable(),
    attempts: z.int(),
    at: instant(),
  } satisfies Record<keyof SyncFailure, z.ZodType>),
);

/** Fields of the other CRM, by name. */
const fields = z.record(z.string(), z.unknown());
const conflict = named(
  "SyncConflict",
  z.strictObject({
    id: z.guid(),
    crm_system: z.string(),
    crm_id: z.string(),
    problem: z.string().nullable(),
    ours: fields,
    base: fields.nullable(),
    theirs: z.unknown(),
  }),
);

const ofLetter = {
  params: z.strictObject({
    id: z.string().regex(/^(?:event-\d{1,18}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/),
  }),
};
const ofConflict = { params: z.strictObject({ id: z.guid() }) };

export const syncFacts = {
  status: {
    get: {
      summary: "How the connections to other CRMs stand",
      answers: { 200: z.strictObject({ connections: z.array(connection) }) },
    },
  },
  failures: {
    get: {
      summary: "List conflicts and dead letters, the oldest first",
      answers: { 200: z.strictObject({ failures: z.array(failure) }) },
    },
  },
  retry: {
    post: {
      summary: "Try a dead letter again",
      answers: { 204: "empty" },
      problems: [404, AWAY],
      ...ofLetter,
    },
  },
  conflict: {
    get: {
      summary: "Read a conflict: ours, theirs, and what both come from",
      answers: { 200: conflict },
      problems: [404, AWAY],
      ...ofConflict,
    },
  },
  resolve: {
    post: {
      summary: "Settle a conflict by taking one side",
      answers: { 204: "empty" },
      problems: [404, 409, AWAY],
      ...ofConflict,
    },
  },
  client: {
    get: {
      summary: "How a client is synchronised",
      answers: {
        200: z.strictObject({
          crm_system: z.string(),
          crm_id: z.string(),
          sync_status: status,
          reason: z.string().nullable(),
          version: z.string().nullable(),
          modified_at: instant().nullable(),
        }),
      },
      problems: [404],
    },
  },
  change: {
    post: {
      summary: "Change a client in its CRM",
      answers: { 202: z.strictObject({ id: z.guid(), sync_status: z.literal("syncing") }) },
      problems: [404, AWAY],
    },
  },
} satisfies Record<string, MethodFacts>;

export const webhookFacts = {
  post: {
    summary: "Take what a CRM sends",
    description: "Needs no token: it is signed by the CRM, over the bytes of the body.",
    params: z.strictObject({ connectionId: z.guid() }),
    body: { mediaType: "*/*" },
    answers: { 204: "empty" },
    problems: [401, 404, 413, 429, AWAY],
  },
} satisfies MethodFacts;
