// What the routes of the audit trail tell of themselves, for the OpenAPI description: answers as schemas, and problems of their own.
// Tests: test/http/audit-routes.test.ts, test/http/openapi.test.ts
import * as z from "zod";
import { dataOf, explained, named } from "../../../http/openapi/named-schemas.js";
import type { MethodFacts } from "../../../http/route-methods.js";
import { AUDIT_ACTIONS, type AuditLog, DATA_CLASSES, PURPOSES } from "../audit-event.js";
import type { Consent } from "../consent/consent-store.js";
import { MODES } from "../policy/class-policy.js";
import type { LegalHold } from "../retention/legal-holds.js";

const instant = () => z.iso.datetime();
const idParams = z.strictObject({ id: z.guid() });
const pseudonym = () => explained("A person, as the tenant's pseudonym.", z.string().regex(/^[0-9a-f]{32}$/));

const record = named(
  "AuditRecord",
  z.strictObject({
    v: z.literal(1),
    id: z.guid(),
    at: instant(),
    tenant: z.guid(),
    actor: z.strictObject({ id: z.string(), role: z.string() }),
    request: z.string().optional(),
    action: z.enum(AUDIT_ACTIONS),
    entityType: z.string(),
    entityId: z.string(),
    subject: pseudonym().optional(),
    dataClass: z.enum(DATA_CLASSES),
    purpose: z.enum(PURPOSES).optional(),
    consent: z.strictObject({ id: z.string(), version: z.int() }).optional(),
    outcome: z.enum(["success", "refused", "failure"]),
    source: z.enum(["cache", "store", "source"]).optional(),
    detail: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).optional(),
    index: explained("Its place in the tree. Absent while it waits for one.", z.int()).optional(),
  } satisfies Record<keyof AuditLog, z.ZodType>),
);
const page = z.strictObject({
  data: z.array(record),
  next_before: explained("`before` of the next page; null where there is none.", z.int().nullable()),
});
const consent = named(
  "Consent",
  z.strictObject({
    id: z.guid(),
    version: z.int().min(1),
    subject: pseudonym(),
    purposes: z.array(z.enum(PURPOSES)),
    valid_from: instant(),
    valid_until: instant().nullable(),
    revoked_at: instant().nullable(),
    changed_by: z.string(),
    changed_at: instant(),
  } satisfies Record<keyof Consent, z.ZodType>),
);
const hold = named(
  "LegalHold",
  z.strictObject({
    id: z.guid(),
    subject: pseudonym().nullable(),
    entity_type: z.string().nullable(),
    entity_id: z.string().nullable(),
    reason: z.string(),
    set_by: z.string(),
    set_at: instant(),
    released_by: z.string().nullable(),
    released_at: instant().nullable(),
  } satisfies Record<keyof LegalHold, z.ZodType>),
);
const policy = named(
  "AuditPolicy",
  z.strictObject({
    data_class: z.enum(DATA_CLASSES),
    mode: z.enum(MODES),
    retention_days: z.int(),
    purposes_without_consent: z.array(z.enum(PURPOSES)),
  }),
);
const integrity = z.strictObject({
  valid: z.boolean(),
  errors: z.array(z.string()),
  first_bad_index: z.int().nullable(),
  size: z.int(),
  proven_size: z.int(),
  verified_at: instant(),
});
const checkpoint = z.strictObject({
  note: explained("The signed note (C2SP tlog-checkpoint).", z.string().nullable()),
  tree_size: z.int(),
  signed_at: instant().nullable(),
  age_seconds: z.int().nullable(),
  not_covered: explained("Records that no checkpoint covers yet.", z.int()),
  waiting_seconds: explained("How long the oldest of them has waited.", z.int()),
});
const alerts = z.strictObject({
  data: z.array(
    z.strictObject({
      name: z.enum(["corruption", "checkpoint-age", "records-lost", "sync-failure"]),
      message: z.string(),
      since: instant(),
    }),
  ),
  buffer: z.strictObject({ waiting: z.int(), lost: z.int() }),
  losses: z.array(
    z.looseObject({
      at: instant(),
      process: z.string(),
      lost: z.int().optional(),
      heldAtMost: z.int().optional(),
      silentSince: instant().optional(),
    }),
  ),
});

/** The trail or its key may be away, and nothing is shown without a record. */
const AWAY = 503;
const get = (summary: string, answer: z.ZodType): MethodFacts => ({
  get: { summary, answers: { 200: answer }, problems: [AWAY] },
});

export const AUDIT_FACTS = {
  timeline: get("List the records about an entity, the newest first", page),
  integrity: get("Verify all records of the tenant", dataOf(integrity)),
  checkpoint: get("Read the last checkpoint and its age", dataOf(checkpoint)),
  erasures: get("List what was erased", page),
  sync: get(
    "Read how synchronisation stands",
    dataOf(z.looseObject({ is_connected: z.boolean(), failures: z.int().optional() })),
  ),
  alerts: get("List what is wrong with the trail", alerts),
  fhir: {
    get: {
      summary: "Export records as FHIR R4 AuditEvents",
      description: "A Bundle, by IHE's BALP profiles. `Link: rel=next` leads on.",
      answers: { 200: { mediaType: "application/fhir+json" } },
      problems: [AWAY],
    },
  },
  acknowledgement: {
    post: {
      summary: "Acknowledge lost records",
      answers: { 200: dataOf(z.strictObject({ acknowledged: z.int() })) },
      problems: [AWAY],
    },
  },
  policies: get("Read the policies of all data classes", dataOf(z.array(policy))),
  policy: {
    put: { summary: "Change the policy of a data class", answers: { 200: dataOf(policy) }, problems: [AWAY] },
  },
  holds: {
    get: { summary: "List legal holds", answers: { 200: dataOf(z.array(hold)) } },
    post: { summary: "Set a legal hold", answers: { 201: dataOf(hold) }, problems: [AWAY] },
  },
  hold: {
    delete: {
      summary: "Release a legal hold",
      params: idParams,
      answers: { 200: dataOf(hold) },
      problems: [404, AWAY],
    },
  },
  consents: {
    get: {
      summary: "List the consents of a person",
      answers: { 200: dataOf(z.array(consent)) },
      problems: [AWAY],
    },
    post: { summary: "Note a consent", answers: { 201: dataOf(consent) }, problems: [AWAY] },
  },
  consent: {
    get: {
      summary: "List the versions of a consent",
      params: idParams,
      answers: { 200: dataOf(z.array(consent)) },
      problems: [404],
    },
    put: {
      summary: "Change a consent",
      params: idParams,
      answers: { 200: dataOf(consent) },
      problems: [404, 409, AWAY],
    },
    delete: {
      summary: "Revoke a consent",
      params: idParams,
      answers: { 200: dataOf(consent) },
      problems: [404, 409, AWAY],
    },
  },
} satisfies Record<string, MethodFacts>;
