// A record of the trail as a FHIR R4 AuditEvent, by IHE's Basic Audit Log Patterns (BALP 1.1).
// Tests: test/unit/audit-fhir.test.ts
import type { AuditEvent, AuditEventAgent, AuditEventEntity, Bundle, Extension, Reference } from "fhir/r4.js";
import type { AuditLog } from "../audit-event.js";
import { APPLICATION_SERVER, ENTITY, OUTCOME, PATTERNS, type Pattern, purposeCode, ROLE } from "./codes.js";

export interface FhirOptions {
  /** URI of the API, "https://crm.example.com/api": the server that was asked, and the source of the record. */
  readonly site: string;
}

/** What the trail does not hold: HL7's code says why. */
const absent = (why: "unknown" | "masked"): Extension[] => [
  { url: "http://hl7.org/fhir/StructureDefinition/data-absent-reason", valueCode: why },
];

/**
 * Subjects are pseudonyms here, too. The trail holds no address of the client's and no text of a query: both are there as data that is
 * absent, for a reason.
 */
export function fhirAuditEvent(log: AuditLog, { site }: FhirOptions): AuditEvent {
  const pattern = PATTERNS[log.action];
  const claimed = log.subject === undefined ? pattern.profile : pattern.patientProfile;
  const profile = log.outcome === "success" ? claimed : undefined;
  const observer = serverReference(site);
  return {
    resourceType: "AuditEvent",
    id: log.id,
    ...(profile !== undefined && { meta: { profile: [profile] } }),
    type: pattern.type,
    subtype: [pattern.subtype],
    action: pattern.action,
    recorded: log.at,
    outcome: OUTCOME[log.outcome],
    ...(log.outcome === "refused" && { outcomeDesc: "Refused: nothing was disclosed or changed." }),
    ...(log.purpose !== undefined && { purposeOfEvent: [{ coding: [purposeCode(log.purpose)] }] }),
    agent: agentsOf(log, pattern, site, observer),
    source: { site, observer, type: [APPLICATION_SERVER] },
    entity: entitiesOf(log, site),
  };
}

/** As a collection; not a search set, which would have to name its search. */
export function fhirBundle(logs: readonly AuditLog[], options: FhirOptions): Bundle<AuditEvent> {
  return {
    resourceType: "Bundle",
    type: "collection",
    entry: logs.map((log) => ({
      fullUrl: `urn:uuid:${log.id}`,
      resource: fhirAuditEvent(log, options),
    })),
  };
}

const serverReference = (site: string): Reference => ({
  type: "Device",
  identifier: { system: "urn:ietf:rfc:3986", value: site },
  display: "CRM backend",
});

function agentsOf(log: AuditLog, pattern: Pattern, site: string, server: Reference): AuditEventAgent[] {
  const { actor, purpose } = log;
  // "system" and "connector:hubspot" are programs; whoever else acts is a user of one that we do not know.
  const isProgram = actor.id === "system" || actor.id.includes(":");
  const who: Reference = { identifier: { system: `${site}/users`, value: actor.id } };
  const client: AuditEventAgent = {
    type: { coding: [pattern.client] },
    who: isProgram ? { ...who, display: actor.id } : { display: "API client" },
    requestor: isProgram,
    network: { extension: absent("unknown") },
  };
  const answering: AuditEventAgent = {
    type: { coding: [pattern.server] },
    who: server,
    requestor: false,
    // RFC 3986: "5" is a URI in FHIR's list of network types.
    network: { address: site, type: "5" },
  };
  if (isProgram) return [client, answering];
  const user: AuditEventAgent = {
    type: { coding: [pattern.user] },
    who,
    requestor: true,
    role: [{ text: actor.role }],
    ...(purpose !== undefined && { purposeOfUse: [{ coding: [purposeCode(purpose)] }] }),
  };
  return [client, answering, user];
}

function entitiesOf(log: AuditLog, site: string): AuditEventEntity[] {
  const { subject, consent, request } = log;
  const identified = (kind: string, value: string) => ({ system: `${site}/${kind}`, value });
  const data: AuditEventEntity =
    log.action === "search"
      ? {
          type: ENTITY.object,
          role: ROLE.query,
          description: log.entityType,
          _query: { extension: absent("masked") },
        }
      : {
          type: ENTITY.object,
          role: ROLE.domainResource,
          what: { identifier: identified(log.entityType, log.entityId) },
        };
  return [
    data,
    ...(subject === undefined
      ? []
      : [
          {
            type: ENTITY.person,
            role: ROLE.patient,
            what: { type: "Patient", identifier: identified("subjects", subject) },
          },
        ]),
    ...(consent === undefined
      ? []
      : [
          {
            type: ENTITY.consent,
            what: {
              type: "Consent",
              identifier: identified("consents", consent.id),
              display: `version ${consent.version}`,
            },
          },
        ]),
    ...(request === undefined
      ? []
      : [{ type: ENTITY.requestId, what: { identifier: { system: `${site}/requests`, value: request } } }]),
    ...detailOf(log, site),
  ];
}

/** In an entity of its own: the profile of deletions allows none on the others. */
function detailOf(log: AuditLog, site: string): AuditEventEntity[] {
  const told = {
    ...log.detail,
    dataClass: log.dataClass,
    ...(log.source !== undefined && { answeredFrom: log.source }),
    ...(log.index !== undefined && { leafIndex: log.index }),
  };
  return [
    {
      type: ENTITY.other,
      what: { identifier: { system: `${site}/audit`, value: log.id } },
      detail: Object.entries(told).map(([type, value]) => ({ type, valueString: String(value) })),
    },
  ];
}
