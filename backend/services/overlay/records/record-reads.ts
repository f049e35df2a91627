// Reading sealed records: from the cache or the rows, and to nobody before access, consent and record are settled.
// Tests: test/integration/overlay-records.test.ts, test/http/overlay-access.test.ts
import type { Collection } from "express-tenant-cache";
import { withTenant } from "../../../db/tenant-transaction.js";
import type { AuditEvent } from "../../audit/audit-trail.js";
import { ownersOf } from "../crm/client-rows.js";
import { disclose, isDisclosed } from "../disclosing.js";
import { type Caller, mayActFor, refusal, seesAll } from "../overlay-caller.js";
import type { OverlayParts } from "../overlay-parts.js";
import { type CachedRow, rowOf } from "../row-bytes.js";
import type { BaseRecord, Kept, RecordKind } from "./record-kind.js";
import type { RowBatch } from "./row-batch.js";
import type { RecordMeta } from "./sealed-rows.js";

export interface Found<T> {
  readonly record: T;
  readonly meta: RecordMeta;
  readonly source: "cache" | "store";
}

/** What the sealed bytes of a record are bound to. */
export const recordContext = ({ entityType }: { readonly entityType: string }, id: string): string =>
  `overlay:${entityType}:${id}`;

export type Disclosed<T> = T & Kept;

export class RecordReads<T extends BaseRecord> {
  readonly #parts: OverlayParts;
  readonly #kind: RecordKind<T>;
  readonly #entries: Collection<Buffer | null, { id: string }>;
  readonly #batch: RowBatch;

  constructor(
    parts: OverlayParts,
    kind: RecordKind<T>,
    entries: Collection<Buffer | null, { id: string }>,
    batch: RowBatch,
  ) {
    this.#parts = parts;
    this.#kind = kind;
    this.#entries = entries;
    this.#batch = batch;
  }

  /** Discloses nothing yet. `undefined` where there is none, it is over, or a person that it shows was erased. */
  async look(tenantId: string, id: string): Promise<Found<T> | undefined> {
    const looked = await this.#entries.lookUp(tenantId, { id }, () => this.#batch.load(tenantId, id));
    const isCached = looked.ageSeconds !== undefined;
    const found = await this.#opened(tenantId, id, looked.value, isCached ? "cache" : "store");
    if (found || !isCached) return found;
    // What the cache has does not open: it is not what was stored there, or the row is another one by now.
    await this.#entries.delete(tenantId, { id });
    return await this.#opened(tenantId, id, await this.#batch.load(tenantId, id), "store");
  }

  async open(tenantId: string, { meta, sealed }: CachedRow<RecordMeta>): Promise<Disclosed<T> | undefined> {
    const record = await this.#parts.vault.open(tenantId, recordContext(this.#kind, meta.id), sealed);
    return record === undefined ? undefined : kept(record as T, meta);
  }

  /** @throws HttpProblem 403, after the refusal is on record */
  async requireAccess(
    caller: Caller,
    found: readonly Found<T>[],
    action: AuditEvent["action"],
  ): Promise<void> {
    const own = await this.#own(caller, found);
    const others = found.filter((each) => !own.has(each));
    if (others.length > 0)
      throw await refusal(this.#parts.audit, caller, ...others.map((each) => this.#event(each, action)));
  }

  /**
   * What the caller may see of what was found, once it is on record that it is seen.
   *
   * @param refused what becomes of a record that is refused: all of it is (`throw`), or the record is left out
   * @param search recorded beside the reads
   * @throws HttpProblem 403; ConsentRefused (403); AuditUnavailable (503)
   */
  async disclose(
    caller: Caller,
    found: readonly (Found<T> | undefined)[],
    refused: "throw" | "leave-out",
    search?: AuditEvent,
  ): Promise<Disclosed<T>[]> {
    const there = found.filter((each) => each !== undefined);
    if (refused === "throw") await this.requireAccess(caller, there, "read");
    const own = refused === "throw" ? new Set(there) : await this.#own(caller, there);
    if (search) await disclose(this.#parts.audit, caller, { ...search, detail: { found: own.size } });
    const ask = refused === "throw" ? disclosed : isDisclosed;
    const shown = await Promise.all(
      there.map(async (each) => {
        if (!own.has(each)) return undefined;
        const event = { ...this.#event(each, "read"), source: each.source };
        const [, ...others] = this.#subjectsOf(each);
        return (await ask(this.#parts.audit, caller, event, others))
          ? kept(each.record, each.meta)
          : undefined;
      }),
    );
    return shown.filter((each) => each !== undefined);
  }

  #subjectsOf({ record }: Found<T>): string[] {
    return [...new Set(this.#kind.subjectsOf(record))];
  }

  #event({ record }: Found<T>, action: AuditEvent["action"]): AuditEvent {
    const { entityType, dataClass } = this.#kind;
    return { action, entityType, entityId: record.id, subjectId: record.client_id, dataClass };
  }

  /** Those that the caller wrote, or whose client is the caller's. */
  async #own(caller: Caller, found: readonly Found<T>[]): Promise<Set<Found<T>>> {
    const isWritten = (each: Found<T>) => mayActFor(caller, each.meta.agent_id);
    const others = seesAll(caller) ? [] : found.filter((each) => !isWritten(each));
    const { tenantId } = caller;
    const clients = [...new Set(others.map(({ meta }) => meta.client))];
    const owners =
      clients.length === 0 || caller.actor.role !== "agent"
        ? new Map<string, string>()
        : await withTenant(this.#parts.pool, tenantId, (client) => ownersOf(client, tenantId, clients), {
            readOnly: true,
          });
    return new Set(
      found.filter((each) => isWritten(each) || mayActFor(caller, owners.get(each.meta.client))),
    );
  }

  async #opened(
    tenantId: string,
    id: string,
    bytes: Buffer | null,
    source: Found<T>["source"],
  ): Promise<Found<T> | undefined> {
    const row = rowOf<RecordMeta>(bytes);
    if (!row || row.meta.id !== id) return undefined;
    const record = await this.#parts.vault.open(tenantId, recordContext(this.#kind, id), row.sealed);
    return record === undefined ? undefined : { record: record as T, meta: row.meta, source };
  }
}

async function disclosed(...access: Parameters<typeof disclose>): Promise<true> {
  await disclose(...access);
  return true;
}

/** A record as it is returned: with what its row says of it. */
export function kept<T extends BaseRecord>(record: T, meta: RecordMeta): T & Kept {
  const { agent_id, created_at, updated_at, expires_at } = meta;
  return { ...record, agent_id, created_at, updated_at, expires_at };
}
