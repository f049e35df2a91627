// The codes that FHIR AuditEvents of the trail are made of: FHIR R4, DICOM, and IHE's Basic Audit Log Patterns (BALP).
// Tests: test/unit/audit-fhir.test.ts
import type { Coding } from "fhir/r4.js";
import type { AuditAction, Outcome } from "../audit-event.js";

const DICOM = "http://dicom.nema.org/resources/ontology/DCM";
const HL7 = "http://terminology.hl7.org/CodeSystem";
const BALP = "https://profiles.ihe.net/ITI/BALP";

export const code = (system: string, value: string, display: string): Coding => ({
  system,
  code: value,
  display,
});

const interaction = (value: string) => code("http://hl7.org/fhir/restful-interaction", value, value);

export const AGENT = {
  application: code(DICOM, "110150", "Application"),
  destination: code(DICOM, "110152", "Destination Role ID"),
  source: code(DICOM, "110153", "Source Role ID"),
  custodian: code(`${HL7}/provenance-participant-type`, "custodian", "Custodian"),
  author: code(`${HL7}/v3-ParticipationType`, "AUT", "author (originator)"),
  recipient: code(`${HL7}/v3-ParticipationType`, "IRCP", "information recipient"),
} as const;

export const ENTITY = {
  person: code(`${HL7}/audit-entity-type`, "1", "Person"),
  object: code(`${HL7}/audit-entity-type`, "2", "System Object"),
  other: code(`${HL7}/audit-entity-type`, "4", "Other"),
  consent: code("http://hl7.org/fhir/resource-types", "Consent", "Consent"),
  requestId: code(`${BALP}/CodeSystem/BasicAuditEntityType`, "XrequestId", "X-Request-Id"),
} as const;

export const ROLE = {
  patient: code(`${HL7}/object-role`, "1", "Patient"),
  domainResource: code(`${HL7}/object-role`, "4", "Domain Resource"),
  query: code(`${HL7}/object-role`, "24", "Query"),
} as const;

export const purposeCode = (purpose: string): Coding => ({
  system: `${HL7}/v3-ActReason`,
  code: purpose,
});

export const APPLICATION_SERVER = code(`${HL7}/security-source-type`, "4", "Application Server");

/** BALP's profiles are for what succeeded; a refusal and a failure follow the pattern, and claim no profile. */
export const OUTCOME: Readonly<Record<Outcome, "0" | "4" | "8">> = {
  success: "0",
  refused: "4",
  failure: "8",
};

const REST = code(`${HL7}/audit-event-type`, "rest", "Restful Operation");
const EXPORT = code(DICOM, "110106", "Export");
const IMPORT = code(DICOM, "110107", "Import");
const DISCLOSE = code(`${HL7}/iso-21089-lifecycle`, "disclose", "Disclose Record Lifecycle Event");
const RECEIVE = code(`${HL7}/iso-21089-lifecycle`, "receive", "Receive/Retain Record Lifecycle Event");

export interface Pattern {
  readonly type: Coding;
  readonly subtype: Coding;
  readonly action: "C" | "R" | "U" | "D" | "E";
  /** Who has asked, and who has answered. */
  readonly client: Coding;
  readonly server: Coding;
  readonly user: Coding;
  /** Names of BALP's profiles, without and with a subject; `undefined` where it has none. */
  readonly profile: string | undefined;
  readonly patientProfile: string | undefined;
}

const profile = (name: string) => `${BALP}/StructureDefinition/IHE.BasicAudit.${name}`;
const profiles = (name: string) => ({ profile: profile(name), patientProfile: profile(`Patient${name}`) });

/** In a read the data flows from the server; in the others, and by tradition in a query, what the client sends is what flows. */
const READING = { client: AGENT.destination, server: AGENT.source, user: AGENT.recipient };
const ASKING = { client: AGENT.source, server: AGENT.destination, user: AGENT.recipient };
const WRITING = { client: AGENT.source, server: AGENT.destination, user: AGENT.author };
const DELETING = { client: AGENT.application, server: AGENT.custodian, user: AGENT.author };

const CREATE: Pattern = {
  type: REST,
  subtype: interaction("create"),
  action: "C",
  ...WRITING,
  ...profiles("Create"),
};
const UPDATE: Pattern = {
  type: REST,
  subtype: interaction("update"),
  action: "U",
  ...WRITING,
  ...profiles("Update"),
};
const DELETE: Pattern = {
  type: REST,
  subtype: interaction("delete"),
  action: "D",
  ...DELETING,
  ...profiles("Delete"),
};

export const PATTERNS: Readonly<Record<AuditAction, Pattern>> = {
  read: { type: REST, subtype: interaction("read"), action: "R", ...READING, ...profiles("Read") },
  search: { type: REST, subtype: interaction("search"), action: "E", ...ASKING, ...profiles("Query") },
  create: CREATE,
  generate: CREATE,
  update: UPDATE,
  // What changes is the consent.
  consent: UPDATE,
  delete: DELETE,
  erase: DELETE,
  // A disclosure is about somebody: without a subject there is no profile for it.
  export: {
    type: EXPORT,
    subtype: DISCLOSE,
    action: "R",
    ...READING,
    profile: undefined,
    patientProfile: profile("PrivacyDisclosure.Source"),
  },
  sync: {
    type: IMPORT,
    subtype: RECEIVE,
    action: "C",
    ...WRITING,
    profile: undefined,
    patientProfile: undefined,
  },
};
