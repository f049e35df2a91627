// Records what has no transaction of its own (reads, hits, refusals), as the policy of the data class says.
// Tests: test/integration/audit-policy.test.ts, test/integration/audit-consent.test.ts
import type { Pool, PoolClient } from "pg";
import type { Logger } from "pino";
import { withTenant } from "../../../db/tenant-transaction.js";
import { Outage } from "../../../outage.js";
import {
  type Actor,
  type AuditEvent,
  type ConsentReference,
  type Pseudonym,
  PURPOSES,
} from "../audit-event.js";
import { AuditUnavailable } from "../audit-unavailable.js";
import { ConsentRefused } from "../consent/consent-refused.js";
import { coveringConsents } from "../consent/consent-store.js";
import { type ClassPolicy, type Mode, PolicyStore } from "./class-policy.js";
import { GroupCommit } from "./group-commit.js";
import { type Loss, RecordBuffer } from "./record-buffer.js";

export interface RecorderOptions {
  readonly pool: Pool;
  readonly pseudonym: Pseudonym;
  /** The canonical records of events. */
  readonly canonicalRecords: (
    tenantId: string,
    actor: Actor,
    events: readonly AuditEvent[],
  ) => Promise<string[]>;
  /** In the caller's transaction. */
  readonly insert: (client: PoolClient, tenantId: string, contents: readonly string[]) => Promise<void>;
  /** Default: nothing is told. */
  readonly logger?: Pick<Logger, "info" | "error"> | undefined;
  /** Of the group commit. Defaults: 256 items a transaction, 2,000 ms. */
  readonly group?: { readonly maxBatch?: number; readonly maxWaitMs?: number; readonly groups?: boolean };
  /** Of what may be written later. Defaults: 10,000 records, 100 ms. */
  readonly buffer?: { readonly capacity?: number; readonly flushAfterMs?: number };
}

/** An access that is asked consent for in the transaction of its record. */
interface Access {
  readonly actor: Actor;
  readonly event: AuditEvent;
  readonly subject: string;
  readonly purpose: NonNullable<AuditEvent["purpose"]>;
  decision?: { readonly consent: ConsentReference | undefined };
}

type Item = { readonly contents: readonly string[] } | { readonly access: Access };

const ANY_TENANT = { anyTenant: true } as const;
const SYSTEM: Actor = { id: "system", role: "system" };

export class Recorder {
  readonly #options: RecorderOptions;
  readonly #group: GroupCommit<Item>;
  readonly #buffer: RecordBuffer;
  readonly policies: PolicyStore;

  constructor(options: RecorderOptions) {
    const { pool, insert, logger } = options;
    this.#options = options;
    this.policies = new PolicyStore(pool);
    this.#group = new GroupCommit({
      write: (tenantId, batch) => this.#write(tenantId, batch),
      ...options.group,
    });
    this.#buffer = new RecordBuffer({
      pool,
      insert,
      lossRecord: (tenantId, loss) => this.lossRecord(tenantId, loss),
      outage: new Outage({
        began: (reason) =>
          logger?.error(
            `audit: buffered records cannot be written (${reason}): what does not fit is lost and counted`,
          ),
        ended: (seconds) =>
          logger?.info(
            `audit: buffered records are written again after ${seconds} s; ${this.figures.lost} were lost since the start`,
          ),
      }),
      ...options.buffer,
    });
  }

  /** Of this process: what waits in the buffer, and what was lost because it was full. */
  get figures(): RecordBuffer["figures"] {
    return this.#buffer.figures;
  }

  /**
   * Resolves as the policy of the events' data classes says: `require` once they are committed, `buffer` when they wait to be. Refusals
   * are always committed first.
   * @throws AuditUnavailable (503) where they cannot be: nothing may leave then
   */
  async record(tenantId: string, actor: Actor, events: readonly AuditEvent[]): Promise<void> {
    const policy = await this.policies.of(tenantId);
    const modes = events.map((event) => modeOf(event, policy[event.dataClass]));
    const kept = events.filter((_event, index) => modes[index] !== "off");
    if (kept.length === 0) return;
    const contents = await this.#options.canonicalRecords(tenantId, actor, kept);
    if (modes.includes("require")) await this.#durably(tenantId, { contents });
    else await this.#buffer.add(tenantId, contents);
  }

  /**
   * Whether the event may go on; its record is made where it has happened. Asked in the database, so that a revocation holds in every
   * process as soon as it is committed.
   * @returns the consent that covers it, to be named in the record; `undefined` where it needs none
   * @throws ConsentRefused (403), once the refusal is on record; AuditUnavailable (503)
   */
  async requireConsent(
    tenantId: string,
    actor: Actor,
    event: AuditEvent,
  ): Promise<ConsentReference | undefined> {
    const ask = await this.#askOf(tenantId, event);
    if (ask === undefined) return undefined;
    const consent = ask.purpose && (await this.#covering(tenantId, ask.subject, ask.purpose));
    if (consent) return consent;
    await this.record(tenantId, actor, [{ ...event, outcome: "refused" }]);
    throw new ConsentRefused(event.purpose);
  }

  /**
   * Records that something is disclosed, before it is. Where its purpose needs consent, that is read in the transaction of the record:
   * who has revoked it before finds no later disclosure.
   * @throws ConsentRefused (403), once the refusal is on record; AuditUnavailable (503)
   */
  async disclose(tenantId: string, actor: Actor, event: AuditEvent): Promise<void> {
    const ask = await this.#askOf(tenantId, event);
    if (ask === undefined) return await this.record(tenantId, actor, [event]);
    const { subject, purpose } = ask;
    if (purpose === undefined) {
      await this.record(tenantId, actor, [{ ...event, outcome: "refused" }]);
      throw new ConsentRefused(undefined);
    }
    const access: Access = { actor, event, subject, purpose };
    await this.#durably(tenantId, { access });
    if (access.decision?.consent === undefined) throw new ConsentRefused(purpose);
  }

  /** The canonical record that buffered records were lost. */
  async lossRecord(tenantId: string, { processId, atLeast, atMost }: Loss): Promise<string> {
    const [content] = await this.#options.canonicalRecords(tenantId, SYSTEM, [
      {
        action: "delete",
        entityType: "audit_buffer",
        entityId: processId,
        dataClass: "business",
        outcome: "failure",
        detail: { lostAtLeast: atLeast, lostAtMost: atMost },
      },
    ]);
    if (content === undefined) throw new Error("one event makes one record");
    return content;
  }

  /** Writes what waits, for at most five seconds. @returns how many records were not written */
  async close(): Promise<number> {
    const left = await this.#buffer.close();
    if (left > 0)
      this.#options.logger?.error(`audit: stopped with ${left} buffered records that could not be written`);
    return left;
  }

  /** What the consents are to be asked; `undefined` where the event needs none. */
  async #askOf(
    tenantId: string,
    { subjectId, purpose, dataClass }: AuditEvent,
  ): Promise<{ subject: string; purpose: AuditEvent["purpose"] } | undefined> {
    if (subjectId === undefined) return undefined;
    const policy = (await this.policies.of(tenantId))[dataClass];
    if (!needsConsent(purpose, policy)) return undefined;
    try {
      return { subject: await this.#options.pseudonym(tenantId, subjectId), purpose };
    } catch (error) {
      throw new AuditUnavailable(error);
    }
  }

  async #covering(
    tenantId: string,
    subject: string,
    purpose: NonNullable<AuditEvent["purpose"]>,
  ): Promise<ConsentReference | undefined> {
    try {
      const [consent] = await withTenant(
        this.#options.pool,
        tenantId,
        (client) => coveringConsents(client, tenantId, [{ subject, purpose }]),
        ANY_TENANT,
      );
      return consent;
    } catch (error) {
      throw new AuditUnavailable(error);
    }
  }

  async #durably(tenantId: string, item: Item): Promise<void> {
    try {
      await this.#group.add(tenantId, item);
    } catch (error) {
      throw error instanceof AuditUnavailable ? error : new AuditUnavailable(error);
    }
  }

  /** One transaction for all that came at the same time. */
  async #write(tenantId: string, items: readonly Item[]): Promise<void> {
    const { pool, insert, canonicalRecords } = this.#options;
    const accesses = items.flatMap((item) => ("access" in item ? [item.access] : []));
    // Also what a suspended tenant's users were refused is on record.
    await withTenant(
      pool,
      tenantId,
      async (client) => {
        const consents = accesses.length > 0 ? await coveringConsents(client, tenantId, accesses) : [];
        for (const [index, access] of accesses.entries()) access.decision = { consent: consents[index] };
        const contents = await Promise.all(
          items.map((item) =>
            "contents" in item
              ? item.contents
              : canonicalRecords(tenantId, item.access.actor, [decided(item.access)]),
          ),
        );
        await insert(client, tenantId, contents.flat());
      },
      ANY_TENANT,
    );
  }
}

function decided({ event, decision }: Access): AuditEvent {
  const consent = decision?.consent;
  return consent ? { ...event, consent } : { ...event, outcome: "refused" };
}

/** An access without a purpose is covered where no purpose needs consent. */
function needsConsent(purpose: AuditEvent["purpose"], { purposesWithoutConsent }: ClassPolicy): boolean {
  if (purpose !== undefined) return !purposesWithoutConsent.includes(purpose);
  return !PURPOSES.every((each) => purposesWithoutConsent.includes(each));
}

/** What was refused is recorded before it is answered, and changes are never left out. */
function modeOf({ outcome, action }: AuditEvent, { mode }: ClassPolicy): Mode {
  if (outcome === "refused") return "require";
  const isRead = action === "read" || action === "search";
  return mode === "off" && !isRead ? "require" : mode;
}
