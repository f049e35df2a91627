// What the overlay's routes tell of themselves, for the OpenAPI description: answers as schemas, and problems of their own.
// Tests: test/http/overlay-routes.test.ts, test/http/openapi.test.ts
import * as z from "zod";
import { dataOf, named } from "../../../http/openapi/named-schemas.js";
import type { MethodFacts } from "../../../http/route-methods.js";
import { aiContextSchema } from "../ai/ai-contexts.js";
import { AI_STATUSES } from "../ai/ai-queue-rows.js";
import { SYNC_STATUSES } from "../crm/client-rows.js";
import { clientData, crmId, crmSystem } from "../crm/crm-client.js";
import { documentSchema } from "../documents/document-cache-service.js";
import { FORMATS } from "../documents/render-template.js";
import { anyJson, jsonObject, plainId } from "../given.js";
import { sessionSchema } from "../session-cache-service.js";

const instant = () => z.iso.datetime();
const kept = {
  agent_id: z.string(),
  created_at: instant(),
  updated_at: instant(),
  expires_at: instant(),
};
const ofRecord = { params: z.strictObject({ id: plainId() }) };
const ofClient = { params: z.strictObject({ system: crmSystem(), id: crmId() }) };
/** A person who was erased, and a trail that cannot take the record. */
const GONE = 410;
const AWAY = 503;
const readProblems = [403, 404, GONE, AWAY];
const writeProblems = [403, 409, GONE, 413, AWAY];

const syncState = {
  sync_status: z.enum(SYNC_STATUSES),
  sync_reason: z.string().nullable(),
  source_version: z.string().nullable(),
  source_modified_at: instant().nullable(),
};
const crmClient = named(
  "CrmClient",
  z.strictObject({
    crm_system: z.string(),
    crm_id: z.string(),
    client_id: z.string(),
    data: clientData,
    ...syncState,
    ...kept,
  }),
);
const clientResult = z.strictObject({
  crm_system: z.string(),
  crm_id: z.string(),
  client: crmClient.optional(),
  problem: z.strictObject({ status: z.int(), detail: z.string() }).optional(),
});

export const clientFacts = {
  batch: {
    post: {
      summary: "Read many clients of other CRMs: each, or why there is none",
      answers: { 200: dataOf(z.array(clientResult)) },
      problems: [403, AWAY],
    },
  },
  one: {
    get: {
      summary: "Read a client of another CRM",
      answers: { 200: dataOf(crmClient) },
      problems: readProblems,
      ...ofClient,
    },
    put: {
      summary: "Keep a copy of a client of another CRM",
      answers: { 200: dataOf(crmClient) },
      problems: writeProblems,
      ...ofClient,
    },
  },
  status: {
    get: {
      summary: "Read how a client's copy stands",
      answers: { 200: dataOf(z.strictObject(syncState)) },
      problems: [404, AWAY],
      ...ofClient,
    },
    put: {
      summary: "Say how a client's copy stands",
      answers: { 204: "empty" },
      problems: [403, 404, AWAY],
      ...ofClient,
    },
  },
} satisfies Record<string, MethodFacts>;

/** Of communications and tasks. @param document what is given of one */
export function keptRecordFacts(plural: string, entityType: string, document: z.ZodObject) {
  const name = entityType.replace(/^./, (letter) => letter.toUpperCase());
  named(`Client${name}Input`, document);
  const record = named(`Client${name}`, z.strictObject({ ...document.shape, id: plainId(), ...kept }));
  const one = { answers: { 200: dataOf(record) }, ...ofRecord };
  return {
    all: {
      get: {
        summary: `List ${plural} about clients`,
        answers: { 200: pageOf(record) },
        problems: [403, GONE, AWAY],
      },
      post: {
        summary: `Keep a ${entityType} about a client`,
        answers: { 201: dataOf(record) },
        problems: writeProblems,
      },
    },
    batch: {
      post: {
        summary: `Keep many ${plural}: all, or none`,
        answers: { 200: dataOf(z.array(record)) },
        problems: writeProblems,
      },
    },
    one: {
      get: { summary: `Read a ${entityType} about a client`, problems: readProblems, ...one },
      put: { summary: `Replace a ${entityType} about a client`, problems: writeProblems, ...one },
      delete: {
        summary: `Delete a ${entityType} about a client`,
        answers: { 204: "empty" },
        problems: readProblems,
        ...ofRecord,
      },
    },
  } satisfies Record<string, MethodFacts>;
}

/** The newest first. */
const pageOf = (record: z.ZodType) =>
  z.strictObject({ data: z.array(record), next_cursor: z.string().optional() });

const actionFields = {
  id: z.guid(),
  agent_id: z.string(),
  type: z.string(),
  payload: jsonObject(),
  client_id: z.string().optional(),
  requested_by: z.string(),
  status: z.enum(AI_STATUSES),
  priority: z.int(),
  attempts: z.int(),
  max_attempts: z.int(),
  due_at: instant(),
  problem: z.string().nullable(),
  result: anyJson.optional(),
  created_at: instant(),
  updated_at: instant(),
};
const action = named("AIAction", z.strictObject(actionFields));
const claimedAction = named(
  "ClaimedAIAction",
  z.strictObject({ ...actionFields, lease: z.guid(), leased_until: instant() }),
);
const actionStatus = dataOf(z.strictObject({ status: z.enum(AI_STATUSES) }));
const ofAction = { params: z.strictObject({ id: z.guid() }), problems: [403, 404, 409, AWAY] };

export const aiFacts = {
  queue: {
    get: {
      summary: "Read an agent's queue",
      answers: { 200: dataOf(z.array(action)) },
      problems: [403, AWAY],
    },
    post: {
      summary: "Add an action to an agent's queue",
      answers: { 201: dataOf(action) },
      problems: [...writeProblems, 429],
    },
  },
  claim: {
    post: {
      summary: "Take actions to work on",
      answers: { 200: dataOf(z.array(claimedAction)) },
      problems: [403, AWAY],
    },
  },
  complete: { post: { summary: "Say that an action is done", answers: { 204: "empty" }, ...ofAction } },
  fail: { post: { summary: "Say that an action failed", answers: { 200: actionStatus }, ...ofAction } },
  retry: { post: { summary: "Try an action again", answers: { 200: actionStatus }, ...ofAction } },
} satisfies Record<string, MethodFacts>;

/** Of what lives in the cache alone. */
const cachedFacts = (what: string, value: z.ZodType) =>
  ({
    get: { summary: `Read ${what}`, answers: { 200: dataOf(value) }, problems: readProblems, ...ofRecord },
    put: {
      summary: `Keep ${what}`,
      answers: { 204: "empty" },
      problems: [403, GONE, 413, AWAY],
      ...ofRecord,
    },
    delete: { summary: `Drop ${what}`, answers: { 204: "empty" }, problems: [403, AWAY], ...ofRecord },
  }) satisfies MethodFacts;

export const contextFacts = cachedFacts("the context of a conversation", aiContextSchema);
export const sessionFacts = cachedFacts("the session of a tool", sessionSchema);

const templateFields = {
  name: z.string(),
  version: z.int(),
  format: z.enum(FORMATS),
  created_by: z.string(),
  created_at: instant(),
};
const template = named("Template", z.strictObject({ ...templateFields, body: z.string() }));
const document = named(
  "ClientDocument",
  z.strictObject({ ...documentSchema.omit({ content: true }).shape, id: plainId(), ...kept }),
);

export const documentFacts = {
  templates: {
    get: {
      summary: "List the newest version of each template",
      answers: { 200: dataOf(z.array(z.strictObject(templateFields))) },
      problems: [AWAY],
    },
    post: {
      summary: "Keep the next version of a template",
      answers: { 201: dataOf(template) },
      problems: [403, 409, AWAY],
    },
  },
  template: {
    get: {
      summary: "Read a template",
      params: z.strictObject({ name: z.string() }),
      answers: { 200: dataOf(template) },
      problems: [404, AWAY],
    },
  },
  all: {
    get: {
      summary: "List the documents of a client",
      answers: { 200: pageOf(document) },
      problems: [403, GONE, AWAY],
    },
    post: {
      summary: "Make a document from a template",
      answers: { 201: dataOf(document) },
      problems: [404, ...writeProblems],
    },
  },
  one: {
    get: {
      summary: "Read about a document",
      answers: { 200: dataOf(document) },
      problems: readProblems,
      ...ofRecord,
    },
    delete: {
      summary: "Delete a document about a client",
      answers: { 204: "empty" },
      problems: readProblems,
      ...ofRecord,
    },
  },
  content: {
    get: {
      summary: "Download a document about a client",
      answers: { 200: { mediaType: "*/*" } },
      problems: readProblems,
      ...ofRecord,
    },
  },
} satisfies Record<string, MethodFacts>;
