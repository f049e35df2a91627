// What IHE's Basic Audit Log Patterns (BALP 1.1.x) ask of an AuditEvent, written down from their published definitions (FHIR Shorthand),
// and a check of it: fixed values, required and forbidden elements, and slices of agents and entities by their type.
import type { AuditEvent, AuditEventAgent, AuditEventEntity, Coding } from "fhir/r4.js";

interface Slice {
  /** `system|code`, one of. */
  readonly types: readonly string[];
  readonly min: 0 | 1;
  readonly required: readonly string[];
  readonly forbidden: readonly string[];
  /** `system|code`, one of. */
  readonly roles?: readonly string[];
  readonly requestor?: boolean;
  /** `what` refers to this type of resource alone. */
  readonly whatType?: string;
}

export interface BalpProfile {
  readonly type: string;
  readonly subtypes: readonly string[];
  readonly action: string;
  readonly minEntities: number;
  readonly agents: Readonly<Record<string, Slice>>;
  readonly entities: Readonly<Record<string, Slice>>;
  /** The server's `who` is the source's `observer` (invariant val-audit-source). */
  readonly sourceIsObserver?: boolean;
}

const DCM = "http://dicom.nema.org/resources/ontology/DCM";
const HL7 = "http://terminology.hl7.org/CodeSystem";
const REST = `${HL7}/audit-event-type|rest`;
const restful = (...names: string[]) =>
  names.map((name) => `http://hl7.org/fhir/restful-interaction|${name}`);
const participation = (...names: string[]) => names.map((name) => `${HL7}/v3-ParticipationType|${name}`);

const machine = (types: string[], forbidden: string[] = []): Slice => ({
  types,
  min: 1,
  required: ["who", "network"],
  forbidden: ["media", ...forbidden],
});
const user = (types: string[], forbidden: string[] = []): Slice => ({
  types,
  min: 0,
  required: ["who"],
  forbidden: ["media", "network", ...forbidden],
  requestor: true,
});

const REST_OBJECT_ROLES = ["4", "3", "20"].map((role) => `${HL7}/object-role|${role}`);
const PATIENT: Slice = {
  types: [`${HL7}/audit-entity-type|1`],
  min: 1,
  required: ["what"],
  forbidden: [],
  roles: [`${HL7}/object-role|1`],
  whatType: "Patient",
};
const TRANSACTION: Slice = {
  types: ["https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType|XrequestId"],
  min: 0,
  required: ["what"],
  forbidden: [],
};
const DATA: Slice = {
  types: [`${HL7}/audit-entity-type|2`],
  min: 1,
  required: ["what"],
  forbidden: [],
  roles: REST_OBJECT_ROLES,
};
const QUERY: Slice = {
  ...DATA,
  required: ["query"],
  forbidden: ["what", "lifecycle", "detail"],
  roles: [`${HL7}/object-role|24`],
};

const READING = {
  client: machine([`${DCM}|110152`]),
  server: machine([`${DCM}|110153`]),
  user: user(participation("IRCP")),
};
const WRITING = {
  client: machine([`${DCM}|110153`]),
  server: machine([`${DCM}|110152`]),
  user: user(participation("AUT", "INF", "CST")),
};
const UNSAID = ["role", "altId", "name", "location", "policy", "purposeOfUse"];
const DELETING = {
  client: machine([`${DCM}|110150`], UNSAID),
  server: machine([`${HL7}/provenance-participant-type|custodian`], UNSAID),
  user: user(participation("AUT", "INF", "CST"), ["altId", "location", "policy"]),
};
const SPARE = ["lifecycle", "name", "query", "detail"];

const rest = (
  subtypes: string[],
  action: string,
  agents: BalpProfile["agents"],
  entities: BalpProfile["entities"],
): BalpProfile => ({ type: REST, subtypes, action, minEntities: 1, agents, entities });

const BASE: Readonly<Record<string, BalpProfile>> = {
  Read: rest(restful("read", "vread"), "R", READING, { transaction: TRANSACTION, data: DATA }),
  Create: rest(restful("create"), "C", WRITING, { transaction: TRANSACTION, data: DATA }),
  Update: rest(restful("update", "patch"), "U", WRITING, { transaction: TRANSACTION, data: DATA }),
  Delete: rest(restful("delete"), "D", DELETING, {
    transaction: { ...TRANSACTION, forbidden: [...SPARE, "securityLabel"] },
    data: { ...DATA, forbidden: SPARE },
  }),
  Query: rest(
    restful("search", "search-type", "search-system"),
    "E",
    { client: WRITING.client, server: WRITING.server, user: READING.user },
    { transaction: TRANSACTION, query: QUERY },
  ),
};

const named = (name: string) =>
  `https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.${name}`;

export const BALP_PROFILES: Readonly<Record<string, BalpProfile>> = {
  ...Object.fromEntries(
    Object.entries(BASE).flatMap(([name, profile]) => [
      [named(name), profile],
      [
        named(`Patient${name}`),
        {
          ...profile,
          minEntities: name === "Query" ? 1 : 2,
          entities: {
            ...profile.entities,
            patient: name === "Delete" ? { ...PATIENT, forbidden: [...SPARE, "securityLabel"] } : PATIENT,
          },
        },
      ],
    ]),
  ),
  [named("PrivacyDisclosure.Source")]: {
    type: `${DCM}|110106`,
    subtypes: [`${HL7}/iso-21089-lifecycle|disclose`],
    action: "R",
    minEntities: 2,
    agents: {
      source: { ...machine([`${DCM}|110153`]), forbidden: [] },
      recipient: { ...machine([`${DCM}|110152`]), forbidden: [] },
    },
    entities: { patient: PATIENT },
    sourceIsObserver: true,
  },
};

const tokenOf = ({ system, code }: Coding = {}) => `${system}|${code}`;
const hasElement = (holder: object, name: string) =>
  Object.hasOwn(holder, name) || Object.hasOwn(holder, `_${name}`);

/** Slices are checked by names, whatever their class says. */
const elementOf = (holder: object, name: string) => Reflect.get(holder, name);

/** What is wrong with it; nothing where it conforms to the profile that it claims. */
export function balpErrors(event: AuditEvent): string[] {
  const [name = "none", ...others] = event.meta?.profile ?? [];
  const profile = BALP_PROFILES[name];
  if (!profile || others.length > 0) return [`claims ${[name, ...others].join(", ")}`];
  const errors: string[] = [];
  const expect = (holds: boolean, what: string) => holds || errors.push(what);
  expect(tokenOf(event.type) === profile.type, "type");
  expect(
    (event.subtype ?? []).some((each) => profile.subtypes.includes(tokenOf(each))),
    "subtype",
  );
  expect(event.action === profile.action, "action");
  expect(event.outcome === "0", "outcome");
  expect(event.recorded !== undefined, "recorded");
  expect(event.agent.length >= 2, "agents");
  expect((event.entity?.length ?? 0) >= profile.minEntities, "entities");
  if (profile.sourceIsObserver) {
    const source = event.agent.find(({ type }) => tokenOf(type?.coding?.[0]) === `${DCM}|110153`);
    expect(JSON.stringify(source?.who) === JSON.stringify(event.source.observer), "val-audit-source");
  }
  for (const [slice, rules] of Object.entries(profile.agents))
    errors.push(...sliceErrors(`agent:${slice}`, rules, event.agent, (each) => each.type?.coding?.[0]));
  for (const [slice, rules] of Object.entries(profile.entities))
    errors.push(...sliceErrors(`entity:${slice}`, rules, event.entity ?? [], (each) => each.type));
  return errors;
}

function sliceErrors<T extends AuditEventAgent | AuditEventEntity>(
  name: string,
  rules: Slice,
  all: readonly T[],
  typeOf: (each: T) => Coding | undefined,
): string[] {
  const members = all.filter((each) => rules.types.includes(tokenOf(typeOf(each))));
  if (members.length < rules.min || members.length > 1) return [`${name}: there are ${members.length}`];
  return members.flatMap((member) => [
    ...rules.required.filter((each) => !hasElement(member, each)).map((each) => `${name}: no ${each}`),
    ...rules.forbidden.filter((each) => hasElement(member, each)).map((each) => `${name}: ${each}`),
    ...(rules.roles && !rules.roles.includes(tokenOf(elementOf(member, "role"))) ? [`${name}: role`] : []),
    ...(rules.requestor !== undefined && elementOf(member, "requestor") !== rules.requestor
      ? [`${name}: requestor`]
      : []),
    ...(rules.whatType !== undefined && elementOf(member, "what")?.type !== rules.whatType
      ? [`${name}: what is no ${rules.whatType}`]
      : []),
  ]);
}
