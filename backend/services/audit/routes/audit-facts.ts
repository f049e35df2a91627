// What the routes of the audit trail tell of themselves, for the OpenAPI description: answers as schemas, and problems of their own.
// Tests: test/http/audit-routes.test.ts, test/http/openapi.test.ts
import * as z from "zod";
import { dataOf, explained, named } from "../../../http/openapi/named-schemas.js";
import type { MethodFacts } from "../../../http/route-methods.js";
import { idParams } from "../../../modules/record-facts.js";
import { AUDIT_ACTIONS, type AuditLog, DATA_CLASSES, PURPOSES } from "../audit-event.js";
import type { Consent } from "../consent/consent-store.js";
import { MODES } from "../policy/class-policy.js";
import type { LegalHold } from "../retention/legal-holds.js";

const AWAY = 503;
const instant = () => z.iso.datetime();
const detail = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]));

const auditLog = named(
  "AuditLog",
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
    subject: explained("A pseudonym.", z.string().optional()),
    dataClass: z.enum(DATA_CLASSES),
    purpose: z.enum(PURPOSES).optional(),
    consent: z.strictObject({ id: z.string(), version: z.int() }).optional(),
    outcome: z.enum(["success", "refused", "failure"]),
    source: z.enum(["cache", "store", "source"]).optional(),
    detail: detail.optional(),
    index: explained("Its place in the tree; absent while it waits for that.", z.int().optional()),
  } satisfies Record<keyof AuditLog, z.ZodType>),
);
const auditPage = named(
  "AuditPage",
  z.strictObject({ data: z.array(auditLog), next_before: z.int().nullable() }),
);

export const auditFacts = {
  timeline: {
    get: {
      summary: "List the records about an entity, the newest first",
      answers: { 200: auditPage },
      problems: [AWAY],
    },
  },
  integrity: {
    get: {
      summary: "Whether the trail is as it was signed",
      answers: {
        200: dataOf(
          z.strictObject({
            valid: z.boolean(),
            errors: z.array(z.string()),
            first_bad_index: z.int().nullable(),
            size: z.int(),
            proven_size: z.int(),
            verified_at: instant(),
          }),
        ),
      },
      problems: [AWAY],
    },
  },
  checkpoint: {
    get: {
      summary: "Read the last signed checkpoint, and how old it is",
      answers: {
        200: dataOf(
          z.strictObject({
            note: z.string().nullable(),
            tree_size: z.int(),
            signed_at: instant().nullable(),
            age_seconds: z.number().nullable(),
            not_covered: z.int(),
            waiting_seconds: z.number(),
          }),
        ),
      },
      problems: [AWAY],
    },
  },
  erasures: {
    get: {
      summary: "List what was erased, the newest first",
      answers: { 200: auditPage },
      problems: [AWAY],
    },
  },
  sync: {
    get: {
      summary: "How synchronisation stands",
      answers: {
        200: dataOf(z.looseObject({ is_connected: z.boolean(), failures: z.int().optional() })),
      },
      problems: [AWAY],
    },
  },
  alerts: {
    get: {
      summary: "List what needs somebody, and what buffers hold and have lost",
      answers: {
        200: z.strictObject({
          data: z.array(z.strictObject({ name: z.string(), message: z.string(), since: instant() })),
          buffer: z.strictObject({ waiting: z.int(), lost: z.int() }),
          losses: z.array(z.looseObject({ at: instant(), process: z.string() })),
        }),
      },
      problems: [AWAY],
    },
  },
  acknowledgement: {
    post: {
      summary: "Acknowledge losses of buffers, which ends their alert",
      answers: { 200: dataOf(z.strictObject({ acknowledged: z.int() })) },
      problems: [AWAY],
    },
  },
  fhir: {
    get: {
      summary: "Export records as FHIR AuditEvents",
      description: "The next page is in the header Link.",
      answers: { 200: { mediaType: "application/fhir+json" } },
      problems: [AWAY],
    },
  },
} satisfies Record<string, MethodFacts>;

const consent = named(
  "Consent",
  z.strictObject({
    id: z.guid(),
    version: z.int(),
    subject: explained("A pseudonym.", z.string()),
    purposes: z.array(z.enum(PURPOSES)),
    valid_from: instant(),
    valid_until: instant().nullable(),
    revoked_at: instant().nullable(),
    changed_by: z.string(),
    changed_at: instant(),
  } satisfies Record<keyof Consent, z.ZodType>),
);
const ofConsent = { params: idParams, problems: [404, 409, AWAY] };

export const consentFacts = {
  all: {
    get: {
      summary: "List the consents of a person",
      answers: { 200: dataOf(z.array(consent)) },
      problems: [AWAY],
    },
    post: { summary: "Record a consent", answers: { 201: dataOf(consent) }, problems: [AWAY] },
  },
  one: {
    get: {
      summary: "List the versions of a consent",
      answers: { 200: dataOf(z.array(consent)) },
      ...ofConsent,
    },
    put: { summary: "Change a consent", answers: { 200: dataOf(consent) }, ...ofConsent },
    delete: { summary: "Revoke a consent", answers: { 200: dataOf(consent) }, ...ofConsent },
  },
} satisfies Record<string, MethodFacts>;

const classPolicy = named(
  "AuditClassPolicy",
  z.strictObject({
    data_class: z.enum(DATA_CLASSES),
    mode: z.enum(MODES),
    retention_days: z.int(),
    purposes_without_consent: z.array(z.enum(PURPOSES)),
  }),
);
const hold = named(
  "LegalHold",
  z.strictObject({
    id: z.guid(),
    subject: explained("A pseudonym.", z.string().nullable()),
    entity_type: z.string().nullable(),
    entity_id: z.string().nullable(),
    reason: z.string(),
    set_by: z.string(),
    set_at: instant(),
    released_by: z.string().nullable(),
    released_at: instant().nullable(),
  } satisfies Record<keyof LegalHold, z.ZodType>),
);

export const policyFacts = {
  all: {
    get: {
      summary: "Read how records are made and kept, by class of data",
      answers: { 200: dataOf(z.array(classPolicy)) },
    },
  },
  one: {
    put: {
      summary: "Change how records of a class are made and kept",
      answers: { 200: dataOf(classPolicy) },
      problems: [AWAY],
    },
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
      problems: [404, 409, AWAY],
    },
  },
} satisfies Record<string, MethodFacts>;
