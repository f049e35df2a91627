// Clients of other CRMs: cached for hours, from a sealed row where the cache is away, from the other CRM where nothing is fresh.
// Tests: test/integration/overlay-clients.test.ts, test/faults/overlay-away.test.ts
import type { Collection } from "express-tenant-cache";
import type { PoolClient } from "pg";
import { withTenant } from "../../../db/tenant-transaction.js";
import { HttpProblem, notFound } from "../../../http/problem.js";
import { ConsentAsked } from "../consent-asked.js";
import { checked, requireSize } from "../given.js";
import {
  type Caller,
  mayActFor,
  NotOwn,
  refusal,
  refusing,
  requireAgent,
  withPurpose,
} from "../overlay-caller.js";
import type { OverlayParts } from "../overlay-parts.js";
import { type CachedRow, rowBytes, rowOf, secondsLeft } from "../row-bytes.js";
import { requireNotErased, type Sealed, sealed } from "../sealing.js";
import type { StaleKeys, StaleNote } from "../stale-keys.js";
import {
  type ClientMeta,
  type ClientRow,
  findClients,
  type NewClient,
  type SyncState,
  type SyncStatus,
  writeClient,
  writeSyncStatus,
} from "./client-rows.js";
import { ClientSource } from "./client-source.js";
import {
  type ClientCopy,
  type ClientData,
  type ClientRef,
  type CrmClient,
  clientContext,
  clientData,
  clientEvent,
  clientIdOf,
  clientOf,
  refOf,
} from "./crm-client.js";

export interface SetClientOptions {
  /** Default "fresh". */
  readonly syncStatus?: SyncStatus | undefined;
  readonly syncReason?: string | undefined;
  readonly sourceVersion?: string | undefined;
  /** When the source has changed it: what is older than what is here changes nothing. */
  readonly modifiedAt?: Date | undefined;
}

/** One of a batch: the client, or why there is none. */
export interface ClientResult extends ClientRef {
  readonly client?: CrmClient;
  readonly problem?: { readonly status: number; readonly detail: string };
}

export const MAX_CLIENT_BYTES = 256 * 1024;
export const MAX_CLIENTS = 100;
/** What is not fresh is kept for who asks while the source is away, and asked for again. */
const NOT_CACHED: readonly SyncStatus[] = ["stale", "failed"];

type Row = CachedRow<ClientMeta>;

export class CrmCacheService {
  readonly #parts: OverlayParts;
  readonly #stale: StaleKeys;
  readonly #source: ClientSource;
  readonly #clients: Collection<Buffer | null, { crmSystem: string; crmId: string }>;

  constructor(parts: OverlayParts, stale: StaleKeys) {
    this.#parts = parts;
    this.#stale = stale;
    this.#source = new ClientSource(parts);
    this.#clients = parts.cache.manager.collection("crm_client:{crmSystem}:{crmId}", {
      ttlSeconds: (bytes: Buffer | null) => {
        const status = rowOf<ClientMeta>(bytes)?.meta.sync_status;
        return status === undefined || NOT_CACHED.includes(status)
          ? 0
          : secondsLeft(bytes, parts.ttl.crmClient);
      },
      maxBytes: 2 * MAX_CLIENT_BYTES + 64 * 1024,
    });
  }

  /**
   * Keeps a client as the other CRM has it, as `agentId`'s.
   * @returns what is kept: the client as it was before, where that is a later change of the source
   * @throws HttpProblem 400, 403, 410 where the person was erased, 413 above 256 KiB
   */
  async set(
    caller: Caller,
    crmSystem: string,
    crmId: string,
    data: ClientData,
    agentId: string,
    options: SetClientOptions = {},
  ): Promise<CrmClient> {
    const { tenantId } = caller;
    const ref = refOf(crmSystem, crmId);
    const copy: ClientCopy = { ...ref, data: checked(clientData, data, "client's data") };
    requireSize(copy, MAX_CLIENT_BYTES, "The client");
    await requireAgent(this.#parts.audit, caller, agentId, clientEvent(ref, "update"));
    const made = await this.#sealed(tenantId, copy);
    const row = newClient(ref, made, agentId, options);
    const kept = await refusing(this.#parts.audit, caller, () =>
      this.#changed(caller, ref, (client) => this.#write(client, caller, ref, row)),
    );
    if (!kept.sealed) throw new Error("a client that was written has no copy");
    const opened = await this.#open(tenantId, { meta: kept.meta, sealed: kept.sealed });
    if (!opened) throw new HttpProblem(410, { detail: "The person was erased meanwhile." });
    return opened;
  }

  /**
   * From the cache, else from its row, else from the other CRM, within the budget.
   * @returns `undefined` where nobody has such a client
   * @throws HttpProblem 403, 410, 503 where nothing is here and the other CRM cannot answer
   */
  async get(
    caller: Caller,
    crmSystem: string,
    crmId: string,
    agentId: string,
  ): Promise<CrmClient | undefined> {
    const ref = refOf(crmSystem, crmId);
    const event = clientEvent(ref, "read");
    await requireAgent(this.#parts.audit, caller, agentId, event);
    const consent = new ConsentAsked(this.#parts.audit, caller);
    await consent.require(event);
    const found = await this.#look(caller, ref, agentId);
    const { tenantId, actor } = caller;
    if (!found) {
      await this.#parts.audit.record(tenantId, actor, [
        withPurpose(caller, { ...event, outcome: "failure" }),
      ]);
      return undefined;
    }
    if (!mayActFor(caller, found.client.agent_id)) throw await refusal(this.#parts.audit, caller, event);
    const { source, client } = found;
    await this.#parts.audit.record(tenantId, actor, [
      consent.named(withPurpose(caller, { ...event, source, detail: { syncStatus: client.sync_status } })),
    ]);
    return client;
  }

  /** At most 100. What is refused or fails says so, and is no reason to keep back the others. */
  async getMany(caller: Caller, refs: readonly ClientRef[], agentId: string): Promise<ClientResult[]> {
    if (refs.length > MAX_CLIENTS)
      throw new HttpProblem(400, { detail: `At most ${MAX_CLIENTS} clients are read at once.` });
    return await Promise.all(
      refs.map(async ({ crm_system, crm_id }) => {
        const ref = { crm_system, crm_id };
        try {
          const client = await this.get(caller, crm_system, crm_id, agentId);
          return client ? { ...ref, client } : { ...ref, problem: { status: 404, detail: NO_SUCH_CLIENT } };
        } catch (error) {
          if (!(error instanceof HttpProblem) || error.status === 500) throw error;
          return { ...ref, problem: { status: error.status, detail: error.message } };
        }
      }),
    );
  }

  /** How the copy stands; no data of the client. @throws HttpProblem 404 */
  async syncStatus(caller: Caller, crmSystem: string, crmId: string): Promise<SyncState> {
    const { client } = await this.#named(caller.tenantId, crmSystem, crmId);
    const row = await this.#row(caller.tenantId, client);
    if (!row) throw notFound(NO_SUCH_CLIENT);
    const { sync_status, sync_reason, source_version, source_modified_at } = row.meta;
    return { sync_status, sync_reason, source_version, source_modified_at };
  }

  /**
   * Says how the copy stands: one that is stale or has failed is asked for again by the next read.
   * @param reason no personal data
   * @throws HttpProblem 404
   */
  async setSyncStatus(
    caller: Caller,
    crmSystem: string,
    crmId: string,
    status: SyncStatus,
    reason?: string,
  ): Promise<void> {
    const { ref, client } = await this.#named(caller.tenantId, crmSystem, crmId);
    const keys = [this.#key(ref, client)];
    const { note } = await this.#stale.changing(caller.tenantId, keys, keys, async (connection) => {
      const text = reason?.slice(0, 200) ?? null;
      if (!(await writeSyncStatus(connection, caller.tenantId, client, status, text)))
        throw notFound(NO_SUCH_CLIENT);
      const event = { ...clientEvent(ref, "sync"), detail: { syncStatus: status } };
      await this.#parts.audit.append(connection, caller.tenantId, caller.actor, [event]);
    });
    this.#stale.forget(note);
  }

  /** Cut off in every process: what erasure calls. */
  async drop(tenantId: string, clientId: string): Promise<void> {
    const [crm_system = "", ...rest] = clientId.split(":");
    const client = await this.#parts.vault.pseudonym(tenantId, clientId);
    if (rest.length > 0) await this.#stale.drop(tenantId, [this.#key({ crm_system }, client)]);
  }

  /** What a row shows; `undefined` where it does not open any more. */
  async openRow(tenantId: string, { meta, sealed: bytes }: ClientRow): Promise<CrmClient | undefined> {
    return bytes && (await this.#open(tenantId, { meta, sealed: bytes }));
  }

  async #named(tenantId: string, crmSystem: string, crmId: string) {
    const ref = refOf(crmSystem, crmId);
    return { ref, client: await this.#parts.vault.pseudonym(tenantId, clientIdOf(ref)) };
  }

  #params({ crm_system }: Pick<ClientRef, "crm_system">, client: string) {
    return { crmSystem: crm_system, crmId: client };
  }

  #key(ref: Pick<ClientRef, "crm_system">, client: string): string {
    return this.#clients.key(this.#params(ref, client));
  }

  async #sealed(tenantId: string, copy: ClientCopy): Promise<Sealed> {
    const clientId = clientIdOf(copy);
    const client = await this.#parts.vault.pseudonym(tenantId, clientId);
    return await sealed(this.#parts.vault, tenantId, [clientId], clientContext(client), copy);
  }

  async #open(tenantId: string, { meta, sealed: bytes }: Row): Promise<CrmClient | undefined> {
    const copy = await this.#parts.vault.open(tenantId, clientContext(meta.client), bytes);
    return copy === undefined ? undefined : clientOf(copy as ClientCopy, meta);
  }

  async #row(tenantId: string, client: string): Promise<ClientRow | undefined> {
    return await withTenant(this.#parts.pool, tenantId, async (connection) => {
      await requireNotErased(connection, tenantId, [client]);
      return (await findClients(connection, tenantId, [client])).get(client);
    });
  }

  async #changed(
    caller: Caller,
    ref: ClientRef,
    change: (client: PoolClient) => Promise<ClientRow>,
  ): Promise<ClientRow> {
    const { tenantId } = caller;
    const { client } = await this.#named(tenantId, ref.crm_system, ref.crm_id);
    const keys = [this.#key(ref, client)];
    let changed: { readonly result: ClientRow; readonly note: StaleNote } | undefined;
    await this.#clients.update(tenantId, this.#params(ref, client), async () => {
      changed = await this.#stale.changing(tenantId, keys, [], change);
      return bytesOf(changed.result);
    });
    if (!changed) throw new Error("an update that has ended has not written");
    this.#stale.forget(changed.note);
    return changed.result;
  }

  async #write(client: PoolClient, caller: Caller, ref: ClientRef, row: NewClient): Promise<ClientRow> {
    const { tenantId, actor } = caller;
    await requireNotErased(client, tenantId, [row.client]);
    const before = (await findClients(client, tenantId, [row.client], true)).get(row.client);
    if (before && !mayActFor(caller, before.meta.agent_id)) throw new NotOwn(clientEvent(ref, "update"));
    const { crmClient, task } = this.#parts.ttl;
    const kept = await writeClient(client, tenantId, row, crmClient, Math.max(crmClient, task));
    const action = before ? "update" : "create";
    await this.#parts.audit.append(client, tenantId, actor, [
      withPurpose(caller, {
        ...clientEvent(ref, action),
        detail: { syncStatus: row.syncStatus, isOlder: kept === undefined },
      }),
    ]);
    const result = kept ?? before;
    if (!result) throw new Error("a client was refused as older than none");
    return result;
  }

  async #look(caller: Caller, ref: ClientRef, agentId: string) {
    const { tenantId } = caller;
    const client = await this.#parts.vault.pseudonym(tenantId, clientIdOf(ref));
    let loadedFrom: "store" | "source" = "store";
    const load = async () => {
      const held = await this.#row(tenantId, client);
      const isFresh = held?.sealed && !NOT_CACHED.includes(held.meta.sync_status);
      const asked = isFresh ? undefined : await this.#source.ask(tenantId, ref, held);
      if (asked) {
        loadedFrom = "source";
        const made = await this.#sealed(tenantId, { ...ref, data: asked.data });
        const { version: sourceVersion, modifiedAt } = asked;
        const row = newClient(ref, made, held?.meta.agent_id ?? agentId, { sourceVersion, modifiedAt });
        const kept = await withTenant(this.#parts.pool, tenantId, (connection) =>
          this.#source.keep(connection, caller, ref, row),
        );
        return bytesOf(kept);
      }
      return bytesOf(held);
    };
    const params = this.#params(ref, client);
    const looked = await this.#clients.lookUp(tenantId, params, load);
    const isCached = looked.ageSeconds !== undefined;
    const row = rowOf<ClientMeta>(looked.value);
    const opened = row && (await this.#open(tenantId, row));
    if (opened) return { client: opened, source: isCached ? ("cache" as const) : loadedFrom };
    if (!isCached) return undefined;
    // What the cache has does not open: it is not what was stored there.
    await this.#clients.delete(tenantId, params);
    const again = rowOf<ClientMeta>(await load());
    const reopened = again && (await this.#open(tenantId, again));
    return reopened && { client: reopened, source: loadedFrom };
  }
}

export const NO_SUCH_CLIENT = "There is no client with this id.";

function bytesOf(row: ClientRow | undefined): Buffer | null {
  return row?.sealed ? rowBytes({ meta: row.meta, sealed: row.sealed }) : null;
}

function newClient(
  ref: ClientRef,
  { sealed: bytes, subjects: [client = ""] }: Sealed,
  agentId: string,
  { syncStatus = "fresh", syncReason, sourceVersion, modifiedAt }: SetClientOptions,
): NewClient {
  return {
    client,
    crmSystem: ref.crm_system,
    agentId,
    syncStatus,
    syncReason: syncReason?.slice(0, 200) ?? null,
    sourceVersion: sourceVersion ?? null,
    sourceModifiedAt: modifiedAt ?? null,
    sealed: bytes,
  };
}
