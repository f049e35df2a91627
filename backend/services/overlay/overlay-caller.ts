// Who asks, for which tenant and what for; and whose work they may see.
// Tests: test/http/overlay-access.test.ts
import { forbidden } from "../../http/problem.js";
import type { Actor, AuditEvent, Purpose } from "../audit/audit-trail.js";
import type { OverlayAudit } from "./overlay-parts.js";

export interface Caller {
  readonly tenantId: string;
  /** Its role is the overlay's: `agent`, `supervisor`, `auditor`; `system` and `connector` are no users. */
  readonly actor: Actor;
  readonly purpose?: Purpose | undefined;
}

const SEES_ALL = new Set(["supervisor", "system", "connector"]);

/** Whether the caller may see and change all agents' work. */
export const seesAll = ({ actor }: Caller): boolean => SEES_ALL.has(actor.role);

/** Whether the caller may do what belongs to one of these agents. */
export function mayActFor(caller: Caller, ...agentIds: readonly (string | undefined)[]): boolean {
  return seesAll(caller) || (caller.actor.role === "agent" && agentIds.includes(caller.actor.id));
}

/**
 * Resolves where the caller may act for the agent.
 * @throws HttpProblem 403, after the refusal is on record
 */
export async function requireAgent(
  audit: OverlayAudit,
  caller: Caller,
  agentId: string,
  event: AuditEvent,
): Promise<void> {
  if (!mayActFor(caller, agentId)) throw await refusal(audit, caller, event);
}

/** Thrown inside a transaction, where nothing else may be recorded: {@link refusing} makes it a refusal. */
export class NotOwn extends Error {
  readonly event: AuditEvent;

  constructor(event: AuditEvent) {
    super("another agent's work");
    this.event = event;
  }
}

/** @throws HttpProblem 403 in the place of {@link NotOwn}, after the refusal is on record */
export async function refusing<Result>(
  audit: OverlayAudit,
  caller: Caller,
  work: () => Promise<Result>,
): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof NotOwn ? await refusal(audit, caller, error.event) : error;
  }
}

/** The refusal to throw, once it is on record. */
export async function refusal(audit: OverlayAudit, caller: Caller, ...events: AuditEvent[]): Promise<Error> {
  await audit.record(
    caller.tenantId,
    caller.actor,
    events.map((event) => ({ ...withPurpose(caller, event), outcome: "refused" as const })),
  );
  return forbidden("This is another agent's work.");
}

/** The event, with what it is asked for. */
export function withPurpose({ purpose }: Caller, event: AuditEvent): AuditEvent {
  return purpose === undefined ? event : { ...event, purpose };
}
