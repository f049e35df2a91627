// Records what has no transaction of its own (reads, hits, refusals), as the policy of the data class says.
// Tests: test/integration/audit-policy.test.ts, test/integration/audit-consent.test.ts
import type { Pool, PoolClient } from "pg";
import type { Logger } from "pino";
import { withTenant } from "../../../db/tenant-transaction.js";
import { Outage } from "../../../outage.js";
import type { Actor, AuditEvent, ConsentReference, Pseudonym, Purpose } from "../audit-event.js";
import { AuditUnavailable } from "../audit-unavailable.js";
import { ConsentRefused } from "../consent/consent-refused.js";
import { type ConsentAsk, coveringConsents } from "../consent/consent-store.js";
import { type ClassPolicy, type Mode, needsConsent, PolicyStore } from "./class-policy.js";
import { DEFAULT_MAX_WAIT_MS, GroupCommit } from "./group-commit.js";
import { type Loss, RecordBuffer } from "./record-buffer.js";
import { within } from "./within.js";

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
  /** How long the database may take to tell a tenant's policy, milliseconds; for tests. Default 1000. */
  readonly policyWithinMs?: number | undefined;
  /** Of the group commit. Defaults: 256 items a transaction, 2,000 ms. */
  readonly group?: { readonly maxBatch?: number; readonly maxWaitMs?: number; readonly groups?: boolean };
  /** Of what may be written later. Defaults: 10,000 records, 100 ms. */
  readonly buffer?: { readonly capacity?: number; readonly flushAfterMs?: number };
}

/** What is committed together: all of it, or, where a consent does not cover its part, the refusals alone. */
interface Item {
  readonly actor: Actor;
  readonly events: readonly AuditEvent[];
  /** Asked in the transaction of the records. */
  readonly asks: readonly Ask[];
  /** Why it was refused. */
  refused?: Purpose;
  /** Why it has no record, where that is its own fault. */
  failed?: unknown;
}

interface Ask extends ConsentAsk {
  readonly event: AuditEvent;
}

const ANY_TENANT = { anyTenant: true } as const;
const SYSTEM: Actor = { id: "system", role: "system" };

export class Recorder {
  readonly #options: RecorderOptions;
  readonly #group: GroupCommit<Item>;
  readonly #buffer: RecordBuffer;
  readonly #away: Outage;
  readonly policies: PolicyStore;

  constructor(options: RecorderOptions) {
    const { pool, insert, logger } = options;
    this.#options = options;
    this.policies = new PolicyStore(pool, { answersWithinMs: options.policyWithinMs });
    this.#group = new GroupCommit({
      write: (tenantId, batch) => this.#write(tenantId, batch),
      ...options.group,
    });
    this.#away = new Outage({
      began: (reason) =>
        logger?.error(
          `audit: records cannot be committed (${reason}): what has to be on record first is answered 503`,
        ),
      ended: (seconds, failures) =>
        logger?.info(
          `audit: records are committed again; ${failures}, within ${seconds} s, were answered 503`,
        ),
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
   * are always committed first. A consent that an event names is asked once more, in the transaction of its record: who revokes it
   * finds no later disclosure in the trail.
   * @throws AuditUnavailable (503) where they cannot be: nothing may leave then; ConsentRefused (403), once that is on record
   */
  async record(tenantId: string, actor: Actor, events: readonly AuditEvent[]): Promise<void> {
    const policy = await this.policies.of(tenantId);
    const modes = events.map((event) => modeOf(event, policy[event.dataClass]));
    const kept = events.filter((_event, index) => modes[index] !== "off");
    if (kept.length === 0) return;
    const asks = await this.#asksOf(
      tenantId,
      kept.filter(
        (event) =>
          event.consent !== undefined &&
          (event.outcome ?? "success") === "success" &&
          needsConsent(event, policy[event.dataClass]),
      ),
    );
    if (asks.length > 0 || modes.includes("require")) await this.#durably(tenantId, actor, kept, asks);
    else await this.#buffer.add(tenantId, await this.#options.canonicalRecords(tenantId, actor, kept));
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
    if (!(await this.#needsConsent(tenantId, event))) return undefined;
    const asks = await this.#asksOf(tenantId, [event]);
    const consent = asks.length > 0 ? await this.#covering(tenantId, asks) : undefined;
    if (consent) return consent;
    await this.record(tenantId, actor, [refusalOf(event)]);
    throw new ConsentRefused(event.purpose);
  }

  /**
   * {@link requireConsent} and {@link record} in one transaction, when something that was read is about to leave.
   * @throws ConsentRefused (403), once the refusal is on record; AuditUnavailable (503)
   */
  async disclose(tenantId: string, actor: Actor, event: AuditEvent): Promise<void> {
    if (!(await this.#needsConsent(tenantId, event))) return await this.record(tenantId, actor, [event]);
    const asks = await this.#asksOf(tenantId, [event]);
    if (asks.length > 0) return await this.#durably(tenantId, actor, [event], asks);
    await this.record(tenantId, actor, [refusalOf(event)]);
    throw new ConsentRefused(event.purpose);
  }

  /** The canonical record that buffered records were lost. */
  async lossRecord(tenantId: string, { processId, ...detail }: Loss): Promise<string> {
    const [content] = await this.#options.canonicalRecords(tenantId, SYSTEM, [
      {
        action: "delete",
        entityType: "audit_buffer",
        entityId: processId,
        dataClass: "business",
        outcome: "failure",
        detail,
      },
    ]);
    if (content === undefined) throw new Error("one event makes one record");
    return content;
  }

  unforeseen(error: unknown): void {
    this.#options.logger?.error({ err: error }, "audit: a record could not be made");
  }

  /** Writes what waits, for at most five seconds. @returns how many records were not written */
  async close(): Promise<number> {
    const left = await this.#buffer.close();
    if (left > 0)
      this.#options.logger?.error(`audit: stopped with ${left} buffered records that could not be written`);
    return left;
  }

  async #needsConsent(tenantId: string, event: AuditEvent): Promise<boolean> {
    if (event.subjectId === undefined) return false;
    return needsConsent(event, (await this.policies.of(tenantId))[event.dataClass]);
  }

  /** What is to be asked about events that say a subject and a purpose. */
  async #asksOf(tenantId: string, events: readonly AuditEvent[]): Promise<Ask[]> {
    const asks: Ask[] = [];
    for (const event of events) {
      const { subjectId, purpose } = event;
      if (subjectId === undefined || purpose === undefined) continue;
      try {
        asks.push({ event, purpose, subject: await this.#options.pseudonym(tenantId, subjectId) });
      } catch (error) {
        throw new AuditUnavailable(error);
      }
    }
    return asks;
  }

  async #covering(tenantId: string, asks: readonly Ask[]): Promise<ConsentReference | undefined> {
    try {
      const asking = withTenant(
        this.#options.pool,
        tenantId,
        (client) => coveringConsents(client, tenantId, asks),
        ANY_TENANT,
      );
      const [consent] = await within(this.#options.group?.maxWaitMs ?? DEFAULT_MAX_WAIT_MS, asking);
      return consent;
    } catch (error) {
      throw new AuditUnavailable(error);
    }
  }

  async #durably(
    tenantId: string,
    actor: Actor,
    events: readonly AuditEvent[],
    asks: readonly Ask[],
  ): Promise<void> {
    const item: Item = { actor, events, asks };
    try {
      await this.#group.add(tenantId, item);
      if (item.failed !== undefined) throw item.failed;
      this.#away.worked();
    } catch (error) {
      if (error instanceof TypeError) throw error;
      this.#away.failed(messageOf(error));
      if (error instanceof AuditUnavailable) throw error;
      throw new AuditUnavailable(error);
    }
    if (item.refused !== undefined) throw new ConsentRefused(item.refused);
  }

  /** One transaction for all that came at the same time. */
  async #write(tenantId: string, items: readonly Item[]): Promise<void> {
    const { pool, insert, canonicalRecords } = this.#options;
    const asks = items.flatMap((item) => item.asks);
    // Also what a suspended tenant's users were refused is on record.
    await withTenant(
      pool,
      tenantId,
      async (client) => {
        const covering = asks.length > 0 ? await coveringConsents(client, tenantId, asks) : [];
        const given = new Map(asks.map(({ event }, index) => [event, covering[index]]));
        const made = await Promise.allSettled(
          items.map((item) => canonicalRecords(tenantId, item.actor, decided(item, given))),
        );
        // What is wrong with one is no matter of those that share its transaction.
        const contents = made.flatMap((one, index) => {
          if (one.status === "fulfilled") return one.value;
          Object.assign(items[index] ?? {}, { failed: one.reason as unknown });
          return [];
        });
        await insert(client, tenantId, contents);
      },
      ANY_TENANT,
    );
  }
}

/** What is recorded of it, once its consents are known. */
function decided(item: Item, given: ReadonlyMap<AuditEvent, ConsentReference | undefined>): AuditEvent[] {
  const { events, asks } = item;
  const refused = asks.filter(({ event }) => given.get(event) === undefined);
  const [first] = refused;
  if (first) {
    item.refused = first.purpose;
    return refused.map(({ event }) => refusalOf(event));
  }
  return events.map((event) => {
    const consent = given.get(event);
    return consent ? { ...event, consent } : event;
  });
}

function refusalOf({ consent: _asked, ...event }: AuditEvent): AuditEvent {
  return { ...event, outcome: "refused" };
}

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

/** What was refused is recorded before it is answered, and changes are never left out. */
function modeOf({ outcome, action }: AuditEvent, { mode }: ClassPolicy): Mode {
  if (outcome === "refused") return "require";
  const isRead = action === "read" || action === "search";
  return mode === "off" && !isRead ? "require" : mode;
}
