// Writing sealed records: rows and audit records in one transaction, and then the caches.
// Tests: test/integration/overlay-records.test.ts, test/faults/overlay-killed.test.ts, test/faults/overlay-races.test.ts
import type { Collection } from "express-tenant-cache";
import type { PoolClient } from "pg";
import { conflict } from "../../../http/problem.js";
import type { AuditEvent } from "../../audit/audit-trail.js";
import { ownersOf } from "../crm/client-rows.js";
import { fewAtOnce } from "../few-at-once.js";
import { type Caller, mayActFor, NotOwn, refusing, withPurpose } from "../overlay-caller.js";
import type { OverlayParts } from "../overlay-parts.js";
import { rowBytes } from "../row-bytes.js";
import { requireNotErased, type Sealed, sealed } from "../sealing.js";
import type { StaleKeys } from "../stale-keys.js";
import type { ClientList } from "./client-list.js";
import type { BaseRecord, RecordKind } from "./record-kind.js";
import { recordContext } from "./record-reads.js";
import type { RecordMeta, SealedRows } from "./sealed-rows.js";

export type Entries = Collection<Buffer | null, { id: string }>;

interface Written {
  readonly stale: StaleKeys;
  readonly entries: Entries;
  readonly lists: ClientList;
  readonly rows: SealedRows;
}

interface Prepared<T> extends Sealed {
  readonly record: T;
  /** Pseudonym. */
  readonly client: string;
}

export class RecordWrites<T extends BaseRecord> {
  readonly #parts: OverlayParts;
  readonly #kind: RecordKind<T>;
  readonly #written: Written;

  constructor(parts: OverlayParts, kind: RecordKind<T>, written: Written) {
    this.#parts = parts;
    this.#kind = kind;
    this.#written = written;
  }

  /** All or none. @throws HttpProblem 403, 409 where an id is of another client's record, 410 */
  async write(
    caller: Caller,
    records: readonly T[],
    agentId: string,
  ): Promise<ReadonlyMap<string, RecordMeta>> {
    const prepared = await fewAtOnce(records, (record) => this.#prepare(caller.tenantId, record));
    // In the order of their ids: two batches lock their rows one after the other.
    const sorted = prepared.toSorted((a, b) => (a.record.id < b.record.id ? -1 : 1));
    return await refusing(this.#parts.audit, caller, () =>
      this.#updated(caller, sorted, (client) => this.#write(client, caller, sorted, agentId)),
    );
  }

  /** @param client its pseudonym */
  async delete(caller: Caller, record: T, client: string): Promise<void> {
    const { stale, rows } = this.#written;
    const keys = this.#keys([record.id], [client]);
    const { note } = await stale.changing(caller.tenantId, keys, keys, async (connection) => {
      await rows.delete(connection, caller.tenantId, record.id);
      await this.#append(connection, caller, [this.event("delete", record)]);
    });
    stale.forget(note);
  }

  /** What the cache holds of these, and lists of these clients, cut off in every process. */
  async drop(
    tenantId: string,
    records: readonly { readonly id: string; readonly client: string }[],
    clients: readonly string[],
  ): Promise<void> {
    const ids = records.map(({ id }) => id);
    const keys = this.#keys(ids, [...clients, ...records.map(({ client }) => client)]);
    await this.#written.stale.drop(tenantId, keys);
  }

  event(action: AuditEvent["action"], { id, client_id }: T): AuditEvent {
    const { entityType, dataClass } = this.#kind;
    return { action, entityType, entityId: id, subjectId: client_id, dataClass };
  }

  async #prepare(tenantId: string, record: T): Promise<Prepared<T>> {
    const context = recordContext(this.#kind, record.id);
    const made = await sealed(this.#parts.vault, tenantId, this.#kind.subjectsOf(record), context, record);
    return { record, client: made.subjects[0] ?? "", ...made };
  }

  /** In one transaction: rows, and their records in the trail. */
  async #write(
    client: PoolClient,
    caller: Caller,
    prepared: readonly Prepared<T>[],
    agentId: string,
  ): Promise<Map<string, RecordMeta>> {
    const { tenantId } = caller;
    const { rows } = this.#written;
    const subjects = prepared.flatMap((each) => each.subjects);
    await requireNotErased(client, tenantId, subjects);
    const ids = prepared.map(({ record }) => record.id);
    const before = await rows.lock(client, tenantId, ids);
    const owners = await ownersOf(client, tenantId, [...new Set(prepared.map((each) => each.client))]);
    const metas = new Map<string, RecordMeta>();
    for (const { record, client: pseudonym, subjects: shown, sealed: bytes } of prepared) {
      const old = before.get(record.id);
      if (old && old.client !== pseudonym) throw this.#taken();
      // Whose client it is decides; where that is not known, who has written it.
      const owner = owners.get(pseudonym) ?? old?.agent_id;
      if (owner !== undefined && !mayActFor(caller, owner, old?.agent_id))
        throw new NotOwn(this.event("update", record));
      const { id, status } = record;
      const row = { id, client: pseudonym, subjects: shown, agentId, status, sealed: bytes };
      const meta = await rows.write(client, tenantId, row, this.#kind.ttlSeconds);
      if (!meta) throw this.#taken();
      metas.set(id, meta);
    }
    const events = prepared.map(({ record }) =>
      this.event(before.has(record.id) ? "update" : "create", record),
    );
    await this.#append(client, caller, events);
    return metas;
  }

  async #append(client: PoolClient, caller: Caller, events: readonly AuditEvent[]): Promise<void> {
    const told = events.map((event) => withPurpose(caller, event));
    await this.#parts.audit.append(client, caller.tenantId, caller.actor, told);
  }

  /**
   * Writes inside the updates of all entries: the cache then holds the new state, or nothing. Lists are dropped behind the commit, and the
   * note of what is stale is forgotten last.
   */
  async #updated(
    caller: Caller,
    prepared: readonly Prepared<T>[],
    write: (client: PoolClient) => Promise<Map<string, RecordMeta>>,
  ): Promise<Map<string, RecordMeta>> {
    if (prepared.length === 0) return new Map();
    const { tenantId } = caller;
    const { stale, entries } = this.#written;
    const ids = prepared.map(({ record }) => record.id);
    const clients = prepared.map(({ client }) => client);
    let begun = 0;
    let begin: () => void = () => {};
    const allBegun = new Promise<void>((resolve) => {
      begin = resolve;
    });
    const changing = allBegun.then(() =>
      stale.changing(tenantId, this.#keys(ids, clients), this.#keys([], clients), write),
    );
    const updates = prepared.map(({ record, sealed: bytes }) =>
      entries.update(tenantId, { id: record.id }, async () => {
        begun += 1;
        if (begun === prepared.length) begin();
        const meta = (await changing).result.get(record.id);
        return meta ? rowBytes({ meta, sealed: bytes }) : null;
      }),
    );
    const outcomes = await Promise.allSettled(updates);
    const failed = outcomes.find((outcome) => outcome.status === "rejected");
    if (failed) throw failed.reason;
    const { result, note } = await changing;
    stale.forget(note);
    return result;
  }

  #keys(ids: readonly string[], clients: readonly string[]): string[] {
    const { entries, lists } = this.#written;
    return [
      ...ids.map((id) => entries.key({ id })),
      ...[...new Set(clients)].map((client) => lists.key(client)),
    ];
  }

  readonly #taken = () => conflict(`Another client has a ${this.#kind.entityType} with this id.`);
}
