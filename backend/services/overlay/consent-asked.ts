// The consents that one call asks for: each subject's once, however many records show it.
// Tests: test/http/overlay-access.test.ts
import type { AuditEvent, ConsentReference } from "../audit/audit-trail.js";
import { ConsentRefused } from "../audit/consent/consent-refused.js";
import { type Caller, withPurpose } from "./overlay-caller.js";
import type { OverlayAudit } from "./overlay-parts.js";

export class ConsentAsked {
  readonly #audit: OverlayAudit;
  readonly #caller: Caller;
  readonly #given = new Map<string, ConsentReference | undefined>();
  readonly #refused = new Set<string>();

  constructor(audit: OverlayAudit, caller: Caller) {
    this.#audit = audit;
    this.#caller = caller;
  }

  /** @throws ConsentRefused (403), after its record is durable */
  async require(event: AuditEvent): Promise<void> {
    const { subjectId } = event;
    if (subjectId === undefined || this.#given.has(subjectId)) return;
    const { tenantId, actor } = this.#caller;
    this.#given.set(
      subjectId,
      (await this.#audit.requireConsent(tenantId, actor, withPurpose(this.#caller, event))) ?? undefined,
    );
  }

  /**
   * Whether all of these subjects consent.
   * @throws ConsentRefused where that is to be thrown
   */
  async covers(events: readonly AuditEvent[], refused: "throw" | "leave-out"): Promise<boolean> {
    for (const event of events) {
      if (event.subjectId !== undefined && this.#refused.has(event.subjectId)) return false;
      try {
        await this.require(event);
      } catch (error) {
        if (refused === "throw" || !(error instanceof ConsentRefused)) throw error;
        if (event.subjectId !== undefined) this.#refused.add(event.subjectId);
        return false;
      }
    }
    return true;
  }

  /** The event, with the consent that it was asked against. */
  named(event: AuditEvent): AuditEvent {
    const consent = event.subjectId === undefined ? undefined : this.#given.get(event.subjectId);
    return consent === undefined ? event : { ...event, consent };
  }
}
