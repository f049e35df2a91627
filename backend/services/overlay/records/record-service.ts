// Sealed records with a short life: rows are the truth, the cache holds sealed copies, and each access is on record.
// Tests: test/integration/overlay-records.test.ts, test/faults/overlay-away.test.ts, test/faults/overlay-killed.test.ts
import { randomUUID } from "node:crypto";
import { withTenant } from "../../../db/tenant-transaction.js";
import { HttpProblem, notFound } from "../../../http/problem.js";
import type { AuditEvent } from "../../audit/audit-trail.js";
import { ownersOf } from "../crm/client-rows.js";
import { checked, requireSize } from "../given.js";
import { type Caller, mayActFor, refusal, requireAgent, seesAll, withPurpose } from "../overlay-caller.js";
import type { OverlayParts } from "../overlay-parts.js";
import { secondsLeft } from "../row-bytes.js";
import type { StaleKeys } from "../stale-keys.js";
import { ClientList } from "./client-list.js";
import type { BaseRecord, Kept, RecordKind } from "./record-kind.js";
import { cursorOf, limitOf, type Page, type PageRequest, placeOf } from "./record-page.js";
import { type Disclosed, kept, RecordReads } from "./record-reads.js";
import { type Entries, RecordWrites } from "./record-writes.js";
import { RowBatch } from "./row-batch.js";
import { type RecordMeta, SealedRows } from "./sealed-rows.js";

export const MAX_BATCH = 100;

export interface RecordFilter extends PageRequest {
  readonly status?: string | undefined;
}

export class RecordService<T extends BaseRecord> {
  readonly kind: RecordKind<T>;
  readonly rows: SealedRows;
  protected readonly parts: OverlayParts;
  readonly #lists: ClientList;
  readonly #reads: RecordReads<T>;
  readonly #writes: RecordWrites<T>;

  constructor(parts: OverlayParts, stale: StaleKeys, kind: RecordKind<T>) {
    this.parts = parts;
    this.kind = kind;
    this.rows = new SealedRows(kind.table);
    const entries: Entries = parts.cache.manager.collection(kind.entryKey, {
      ttlSeconds: (bytes: Buffer | null) => secondsLeft(bytes, kind.ttlSeconds),
      // Sealed bytes are a little larger than their JSON, and padded.
      maxBytes: 2 * kind.maxBytes + 64 * 1024,
    });
    this.#lists = new ClientList(parts, kind as unknown as RecordKind<BaseRecord>, this.rows);
    this.#reads = new RecordReads(parts, kind, entries, new RowBatch(parts.pool, this.rows));
    this.#writes = new RecordWrites(parts, kind, { stale, entries, lists: this.#lists, rows: this.rows });
  }

  /**
   * Makes or replaces a record, which then lives as long as its kind does.
   * @throws HttpProblem 400, 403, 409 where the id belongs to another client's record, 413 above the kind's size
   */
  async set(caller: Caller, given: unknown, agentId: string): Promise<T & Kept> {
    const [kept] = await this.setMany(caller, [given], agentId);
    if (!kept) throw new Error("a record that was written is not there");
    return kept;
  }

  /** As {@link set}, all or none, at most 100. */
  async setMany(caller: Caller, given: readonly unknown[], agentId: string): Promise<(T & Kept)[]> {
    if (given.length > MAX_BATCH)
      throw new HttpProblem(400, { detail: `At most ${MAX_BATCH} ${this.kind.plural} are set at once.` });
    const documents = given.map((each) => checked(this.kind.document, each, this.kind.entityType));
    const records = documents.map((each) => ({ ...each, id: each.id ?? randomUUID() }) as unknown as T);
    if (new Set(records.map(({ id }) => id)).size < records.length)
      throw new HttpProblem(400, { detail: "Two of these have one id." });
    for (const record of records) requireSize(record, this.kind.maxBytes, `The ${this.kind.entityType}`);
    for (const record of records)
      await requireAgent(this.parts.audit, caller, agentId, this.#writes.event("update", record));
    const metas = await this.#writes.write(caller, records, agentId);
    return records.flatMap((record) => {
      const meta = metas.get(record.id);
      return meta ? [kept(record, meta)] : [];
    });
  }

  /** `undefined` where there is none. @throws HttpProblem 403, AuditUnavailable, ConsentRefused */
  async get(caller: Caller, id: string): Promise<(T & Kept) | undefined> {
    return (await this.getMany(caller, [id]))[0];
  }

  /** In the order of `ids`. @throws as {@link get}, where one of them is refused */
  async getMany(caller: Caller, ids: readonly string[]): Promise<((T & Kept) | undefined)[]> {
    const found = await Promise.all(ids.map((id) => this.#reads.look(caller.tenantId, id)));
    const disclosed = await this.#reads.disclose(caller, found, "throw");
    const absent = ids.filter((_, index) => found[index] === undefined);
    if (absent.length > 0)
      await this.parts.audit.record(
        caller.tenantId,
        caller.actor,
        absent.map((id) => withPurpose(caller, { ...this.#about(id), action: "read", outcome: "failure" })),
      );
    const byId = new Map(disclosed.map((each) => [each.id, each]));
    return ids.map((id) => byId.get(id));
  }

  /** Records of a client, the newest first; an agent's are those of the own clients, and what the agent wrote. */
  async ofClient(caller: Caller, clientId: string, filter: RecordFilter = {}): Promise<Page<T & Kept>> {
    const { tenantId } = caller;
    const client = await this.parts.vault.pseudonym(tenantId, clientId);
    const limit = limitOf(filter);
    const isOwn = seesAll(caller) || (await this.#isOwn(caller, client));
    const after = placeOf(filter.cursor);
    const narrowed = { status: filter.status, after, ...(!isOwn && { agentId: caller.actor.id }) };
    const { metas, source } = await this.#lists.read(tenantId, clientId, client, narrowed, limit + 1);
    const search = { ...this.#about(clientId), subjectId: clientId, action: "search", source } as const;
    return await this.#page(caller, metas, limit, search);
  }

  /** Records of all clients whose work the caller sees, the newest first. */
  async list(caller: Caller, filter: RecordFilter = {}): Promise<Page<T & Kept>> {
    const limit = limitOf(filter);
    const after = placeOf(filter.cursor);
    const { metas } = await this.#listed(caller, { status: filter.status, after }, limit + 1);
    return await this.#page(caller, metas, limit, {
      ...this.#about("all"),
      action: "search",
      source: "store",
    });
  }

  /** @throws HttpProblem 403, 404 */
  async delete(caller: Caller, id: string): Promise<void> {
    const found = await this.#reads.look(caller.tenantId, id);
    if (!found) throw notFound(`There is no ${this.kind.entityType} with this id.`);
    await this.#reads.requireAccess(caller, [found], "delete");
    await this.#writes.delete(caller, found.record, found.meta.client);
  }

  /** What the cache holds of these, and lists of these clients, cut off in every process. */
  async drop(
    tenantId: string,
    records: readonly { readonly id: string; readonly client: string }[],
    clients: readonly string[],
  ): Promise<void> {
    await this.#writes.drop(tenantId, records, clients);
  }

  /** What a row shows; `undefined` where it does not open any more. */
  async open(tenantId: string, row: { readonly meta: RecordMeta; readonly sealed: Buffer }) {
    return await this.#reads.open(tenantId, row);
  }

  #about(entityId: string) {
    return { entityType: this.kind.entityType, entityId, dataClass: this.kind.dataClass };
  }

  async #isOwn(caller: Caller, client: string): Promise<boolean> {
    const owners = await withTenant(
      this.parts.pool,
      caller.tenantId,
      (connection) => ownersOf(connection, caller.tenantId, [client]),
      { readOnly: true },
    );
    return mayActFor(caller, owners.get(client));
  }

  async #listed(
    caller: Caller,
    filter: Parameters<SealedRows["page"]>[2],
    limit: number,
  ): Promise<{ readonly metas: readonly RecordMeta[]; readonly source: "store" }> {
    const narrowed = seesAll(caller) ? filter : { ...filter, agentId: caller.actor.id };
    const metas = await withTenant(
      this.parts.pool,
      caller.tenantId,
      (client) => this.rows.page(client, caller.tenantId, narrowed, limit),
      { readOnly: true },
    );
    return { metas, source: "store" };
  }

  /** @param metas one more than a page holds, where there is one */
  async #page(
    caller: Caller,
    metas: readonly RecordMeta[],
    limit: number,
    search: AuditEvent,
  ): Promise<Page<T & Kept>> {
    if (!seesAll(caller) && caller.actor.role !== "agent")
      throw await refusal(this.parts.audit, caller, search);
    const shown = metas.slice(0, limit);
    const found = await Promise.all(shown.map(({ id }) => this.#reads.look(caller.tenantId, id)));
    const items: Disclosed<T>[] = await this.#reads.disclose(caller, found, "leave-out", search);
    const last = metas.length > limit ? shown.at(-1) : undefined;
    return { items, ...(last && { next_cursor: cursorOf({ at: last.created_at, id: last.id }) }) };
  }
}
