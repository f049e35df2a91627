// Records that may be written a little later: a bounded buffer that says what it has lost, also when its process was killed.
// Tests: test/integration/audit-policy.test.ts, test/faults/audit-policy.test.ts
import { randomUUID } from "node:crypto";
import type { Pool, PoolClient } from "pg";
import { withTenant } from "../../../db/tenant-transaction.js";
import type { Outage } from "../../../outage.js";
import { within } from "./within.js";

export interface RecordBufferOptions {
  readonly pool: Pool;
  /** In the caller's transaction. */
  readonly insert: (client: PoolClient, tenantId: string, contents: readonly string[]) => Promise<void>;
  /** The canonical record that so many were lost. */
  readonly lossRecord: (tenantId: string, loss: Loss) => Promise<string>;
  /** Told of failures and of what was lost. */
  readonly outage: Outage;
  /** Records, of all tenants. Default 10,000. */
  readonly capacity?: number;
  /** How long a record waits for others, milliseconds. Default 100. */
  readonly flushAfterMs?: number;
}

/** Records that are not in the trail. */
export interface Loss {
  readonly processId: string;
  /** Known to be lost. */
  readonly lost: number;
  /** Of a process that is gone: since when it said nothing, ISO 8601. What it recorded since then is lost, too. */
  readonly silentSince?: string;
  /** How many of these it can have held. What did not fit, only its own log told. */
  readonly heldAtMost?: number;
}

interface Attempt {
  readonly contents: readonly string[];
  /** How many of those that wait. */
  readonly taken: number;
  /** How many were lost when it was made, all of them told with it. */
  readonly lost: number;
}

interface TenantBuffer {
  waiting: string[];
  accepted: number;
  written: number;
  lost: number;
  /** How many of the lost have a record. */
  lossTold: number;
  /** What is being written, the same at each try: a COMMIT that got no answer may have taken place. */
  attempt: Attempt | undefined;
  /** Its row, from which others count what a killed process has lost. */
  opening: Promise<boolean> | undefined;
}

const MAX_BATCH = 500;
const RETRY_AFTER_MS = 1000;
const OPENS_WITHIN_MS = 1000;
const HEARTBEAT_MS = 60_000;
const ANY_TENANT = { anyTenant: true } as const;

export class RecordBuffer {
  readonly #options: Required<RecordBufferOptions>;
  readonly #tenants = new Map<string, TenantBuffer>();
  /** Of this process's rows in audit_buffers. */
  readonly processId = randomUUID();
  #size = 0;
  #timer: NodeJS.Timeout | undefined;
  #flushing: Promise<boolean> | undefined;
  #heartbeat: NodeJS.Timeout | undefined;

  constructor(options: RecordBufferOptions) {
    this.#options = { capacity: 10_000, flushAfterMs: 100, ...options };
  }

  /** Of this process: what waits, and what was lost because the buffer was full. */
  get figures(): { readonly waiting: number; readonly lost: number } {
    let lost = 0;
    for (const tenant of this.#tenants.values()) lost += tenant.lost;
    return { waiting: this.#size, lost };
  }

  /** Resolves at once, but for a tenant's first records: then when it is on record that this process has a buffer. */
  async add(tenantId: string, contents: readonly string[]): Promise<void> {
    const tenant = this.#tenantOf(tenantId);
    tenant.opening ??= this.#open(tenantId);
    await tenant.opening;
    const room = Math.max(0, this.#options.capacity - this.#size);
    const taken = contents.slice(0, room);
    const lost = contents.length - taken.length;
    tenant.waiting.push(...taken);
    tenant.accepted += taken.length;
    this.#size += taken.length;
    if (lost > 0) {
      tenant.lost += lost;
      this.#options.outage.failed(`${this.#options.capacity} records wait, and no more fit`);
    }
    // The fuller it is, the more a kill would take along.
    if (this.#size * 2 > this.#options.capacity) void this.flush();
    this.#flushSoon(this.#options.flushAfterMs);
  }

  /** Writes what waits. @returns whether all is written, and all that was lost told */
  async flush(): Promise<boolean> {
    this.#flushing ??= this.#flushAll().finally(() => {
      this.#flushing = undefined;
    });
    return await this.#flushing;
  }

  /** Writes what waits, for at most `withinMs`. @returns how many were not written: others will find them missing */
  async close(withinMs = 5000): Promise<number> {
    clearInterval(this.#heartbeat);
    const giveUp = AbortSignal.timeout(withinMs);
    while (!giveUp.aborted && !(await Promise.race([this.flush(), aborted(giveUp)])) && !giveUp.aborted)
      await new Promise((resolve) => setTimeout(resolve, 50));
    clearTimeout(this.#timer);
    // Of a tenant whose records, or losses, are not written others find the row open.
    for (const [tenantId, tenant] of this.#tenants)
      if (isWritten(tenant) && !giveUp.aborted)
        await this.#tell(tenantId, "closed_at = now()").catch(() => undefined);
    return this.#size;
  }

  #tenantOf(tenantId: string): TenantBuffer {
    const known = this.#tenants.get(tenantId);
    if (known) return known;
    const made: TenantBuffer = {
      waiting: [],
      accepted: 0,
      written: 0,
      lost: 0,
      lossTold: 0,
      attempt: undefined,
      opening: undefined,
    };
    this.#tenants.set(tenantId, made);
    return made;
  }

  async #open(tenantId: string): Promise<boolean> {
    this.#heartbeat ??= setInterval(() => {
      for (const each of this.#tenants.keys())
        void this.#tell(each, "told_at = now()").catch(() => undefined);
    }, HEARTBEAT_MS).unref();
    try {
      const opening = withTenant(
        this.#options.pool,
        tenantId,
        (client) =>
          client.query(
            `INSERT INTO audit_buffers (tenant_id, process_id, capacity) VALUES ($1, $2, $3)
             ON CONFLICT (tenant_id, process_id) DO NOTHING`,
            [tenantId, this.processId, this.#options.capacity],
          ),
        ANY_TENANT,
      );
      await within(OPENS_WITHIN_MS, opening);
      return true;
    } catch (error) {
      // Tried again with the next flush. Until then a kill would go unnoticed, so it is said.
      this.#options.outage.failed(reasonOf(error));
      return false;
    }
  }

  async #tell(tenantId: string, change: "closed_at = now()" | "told_at = now()"): Promise<void> {
    await withTenant(
      this.#options.pool,
      tenantId,
      (client) =>
        client.query(`UPDATE audit_buffers SET ${change} WHERE tenant_id = $1 AND process_id = $2`, [
          tenantId,
          this.processId,
        ]),
      ANY_TENANT,
    );
  }

  #flushSoon(afterMs: number): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      void this.flush().then((isDone) => {
        if (!isDone) this.#flushSoon(RETRY_AFTER_MS);
      });
    }, afterMs).unref();
  }

  async #flushAll(): Promise<boolean> {
    for (const [tenantId, tenant] of this.#tenants) {
      try {
        while (!isWritten(tenant)) await this.#flushSome(tenantId, tenant);
        this.#options.outage.worked();
      } catch (error) {
        this.#options.outage.failed(reasonOf(error));
      }
    }
    return [...this.#tenants.values()].every(isWritten);
  }

  async #flushSome(tenantId: string, tenant: TenantBuffer): Promise<void> {
    if (!(await tenant.opening)) {
      tenant.opening = this.#open(tenantId);
      if (!(await tenant.opening)) throw new Error("the database does not answer");
    }
    tenant.attempt ??= await this.#attempt(tenantId, tenant);
    const { contents, taken, lost } = tenant.attempt;
    const { accepted, written, lossTold } = tenant;
    await withTenant(
      this.#options.pool,
      tenantId,
      async (client) => {
        const { rowCount } = await client.query(
          `UPDATE audit_buffers SET accepted = $3, written = $4, lost = $5, told_at = now(), closed_at = NULL
           WHERE tenant_id = $1 AND process_id = $2 AND written = $6 AND lost = $7`,
          [tenantId, this.processId, accepted, written + taken, lost, written, lossTold],
        );
        if (rowCount === 1) await this.#options.insert(client, tenantId, contents);
        else await this.#requireWritten(client, tenantId, tenant);
      },
      ANY_TENANT,
    );
    tenant.attempt = undefined;
    tenant.waiting.splice(0, taken);
    tenant.written += taken;
    tenant.lossTold = lost;
    this.#size -= taken;
  }

  async #attempt(tenantId: string, { waiting, lost, lossTold }: TenantBuffer): Promise<Attempt> {
    const batch = waiting.slice(0, MAX_BATCH);
    const news = lost - lossTold;
    if (news === 0) return { contents: batch, taken: batch.length, lost };
    const loss = { processId: this.processId, lost: news };
    return {
      contents: [...batch, await this.#options.lossRecord(tenantId, loss)],
      taken: batch.length,
      lost,
    };
  }

  /** The row is part of the transaction whose COMMIT may have got no answer: it says whether that took place. */
  async #requireWritten(client: PoolClient, tenantId: string, tenant: TenantBuffer): Promise<void> {
    const { rows } = await client.query<{ written: string }>(
      "SELECT written FROM audit_buffers WHERE tenant_id = $1 AND process_id = $2",
      [tenantId, this.processId],
    );
    const [row] = rows;
    if (row && Number(row.written) === tenant.written + (tenant.attempt?.taken ?? 0)) return;
    // Somebody has removed the row, or the database is another one.
    tenant.opening = undefined;
    throw new Error("the buffer's row is not what this process has written");
  }
}

/** A loss, too, that has no record yet: where others fill the buffer, a tenant may have nothing else to write. */
const isWritten = ({ waiting, lost, lossTold }: TenantBuffer): boolean =>
  waiting.length === 0 && lost === lossTold;

const reasonOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

const aborted = (signal: AbortSignal) =>
  new Promise<false>((resolve) => signal.addEventListener("abort", () => resolve(false), { once: true }));
