// Clients of other CRMs: cached for hours, from a sealed row where the cache is away, from the other CRM where nothing is fresh.
// Tests: test/integration/overlay-clients.test.ts, test/faults/overlay-away.test.ts
import type { PoolClient } from "pg";
import { HttpProblem, notFound } from "../../../http/problem.js";
import { disclose } from "../disclosing.js";
import { fewAtOnce } from "../few-at-once.js";
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
import { requireNotErased } from "../sealing.js";
import type { StaleKeys, StaleNote } from "../stale-keys.js";
import { newClient, type SetClientOptions } from "./ask-source.js";
import { ClientCopies, MAX_CLIENT_BYTES } from "./client-copies.js";
import {
  type ClientRow,
  findClients,
  type NewClient,
  type SyncState,
  type SyncStatus,
  writeClient,
  writeSyncStatus,
} from "./client-rows.js";
import {
  type ClientCopy,
  type ClientData,
  type ClientRef,
  type CrmClient,
  clientData,
  clientEvent,
  refOf,
} from "./crm-client.js";

/** One of a batch: the client, or why there is none. */
export interface ClientResult extends ClientRef {
  readonly client?: CrmClient;
  readonly problem?: { readonly status: number; readonly detail: string };
}

export const MAX_CLIENTS = 100;

export class CrmCacheService {
  readonly #parts: OverlayParts;
  readonly #stale: StaleKeys;
  readonly #copies: ClientCopies;

  constructor(parts: OverlayParts, stale: StaleKeys) {
    this.#parts = parts;
    this.#stale = stale;
    this.#copies = new ClientCopies(parts);
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
    const made = await this.#copies.sealed(tenantId, copy);
    const row = newClient(ref, made, agentId, options);
    const kept = await refusing(this.#parts.audit, caller, () =>
      this.#changed(caller, ref, (client) => this.#write(client, caller, ref, row)),
    );
    if (!kept.sealed) throw new Error("a client that was written has no copy");
    const opened = await this.#copies.open(tenantId, { meta: kept.meta, sealed: kept.sealed });
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
    const { tenantId, actor } = caller;
    // Also before it is read: the other CRM is not to be asked for what would be refused.
    await this.#parts.audit.requireConsent(tenantId, actor, withPurpose(caller, event));
    const failed = () =>
      this.#parts.audit.record(tenantId, actor, [withPurpose(caller, { ...event, outcome: "failure" })]);
    const found = await this.#copies.look(caller, ref, agentId).catch(async (error: unknown) => {
      // Erased, or the other CRM is away.
      if (error instanceof HttpProblem) await failed();
      throw error;
    });
    if (!found) {
      await failed();
      return undefined;
    }
    if (!mayActFor(caller, found.client.agent_id)) throw await refusal(this.#parts.audit, caller, event);
    const { source, client } = found;
    const detail = { syncStatus: client.sync_status };
    await disclose(this.#parts.audit, caller, { ...event, source, detail });
    return client;
  }

  /** At most 100. What is refused or fails says so, and is no reason to keep back the others. */
  async getMany(caller: Caller, refs: readonly ClientRef[], agentId: string): Promise<ClientResult[]> {
    if (refs.length > MAX_CLIENTS)
      throw new HttpProblem(400, { detail: `At most ${MAX_CLIENTS} clients are read at once.` });
    return await fewAtOnce(refs, async ({ crm_system, crm_id }) => {
      const ref = { crm_system, crm_id };
      try {
        const client = await this.get(caller, crm_system, crm_id, agentId);
        return client ? { ...ref, client } : { ...ref, problem: { status: 404, detail: NO_SUCH_CLIENT } };
      } catch (error) {
        if (!(error instanceof HttpProblem) || error.status === 500) throw error;
        return { ...ref, problem: { status: error.status, detail: error.message } };
      }
    });
  }

  /** How the copy stands; no data of the client. @throws HttpProblem 403 for another agent's, 404 */
  async syncStatus(caller: Caller, crmSystem: string, crmId: string): Promise<SyncState> {
    const { tenantId, actor } = caller;
    const ref = refOf(crmSystem, crmId);
    const event = {
      ...clientEvent(ref, "read"),
      dataClass: "business",
      detail: { syncStatus: true },
    } as const;
    const row = await this.#copies.row(tenantId, await this.#copies.pseudonym(tenantId, ref));
    if (!row) throw notFound(NO_SUCH_CLIENT);
    const maySee = actor.role === "auditor" || mayActFor(caller, row.meta.agent_id);
    if (!maySee) throw await refusal(this.#parts.audit, caller, event);
    await this.#parts.audit.record(tenantId, actor, [{ ...event, source: "store" }]);
    const { sync_status, sync_reason, source_version, source_modified_at } = row.meta;
    return { sync_status, sync_reason, source_version, source_modified_at };
  }

  /**
   * Says how the copy stands: one that is stale or has failed is asked for again by the next read.
   * @param reason no personal data. Default: that somebody has said so; of a connector none
   * @throws HttpProblem 403 for another agent's, 404
   */
  async setSyncStatus(
    caller: Caller,
    crmSystem: string,
    crmId: string,
    status: SyncStatus,
    reason?: string,
  ): Promise<void> {
    const { tenantId, actor } = caller;
    const ref = refOf(crmSystem, crmId);
    const client = await this.#copies.pseudonym(tenantId, ref);
    const event = { ...clientEvent(ref, "sync"), detail: { syncStatus: status } };
    const isConnector = actor.role === "connector";
    const keys = [this.#copies.key(ref, client)];
    const { note } = await refusing(this.#parts.audit, caller, () =>
      this.#stale.changing(tenantId, keys, keys, async (connection) => {
        const row = (await findClients(connection, tenantId, [client], true)).get(client);
        if (!row) throw notFound(NO_SUCH_CLIENT);
        if (!mayActFor(caller, row.meta.agent_id)) throw new NotOwn(event);
        const why = reason?.slice(0, 200) ?? (status === "fresh" || isConnector ? null : SAID_HERE);
        await writeSyncStatus(connection, tenantId, client, status, why);
        await this.#parts.audit.append(connection, tenantId, actor, [event]);
      }),
    );
    this.#stale.forget(note);
  }

  /** Cut off in every process: what erasure calls. */
  async drop(tenantId: string, clientId: string): Promise<void> {
    const [crm_system = "", ...rest] = clientId.split(":");
    const client = await this.#parts.vault.pseudonym(tenantId, clientId);
    if (rest.length > 0) await this.#stale.drop(tenantId, [this.#copies.key({ crm_system }, client)]);
  }

  /** What a row shows; `undefined` where it does not open any more. */
  async openRow(tenantId: string, { meta, sealed }: ClientRow): Promise<CrmClient | undefined> {
    return sealed && (await this.#copies.open(tenantId, { meta, sealed }));
  }

  async #changed(
    caller: Caller,
    ref: ClientRef,
    change: (client: PoolClient) => Promise<ClientRow>,
  ): Promise<ClientRow> {
    const { tenantId } = caller;
    const client = await this.#copies.pseudonym(tenantId, ref);
    const keys = [this.#copies.key(ref, client)];
    let changed: { readonly result: ClientRow; readonly note: StaleNote } | undefined;
    await this.#copies.update(tenantId, ref, client, async () => {
      changed = await this.#stale.changing(tenantId, keys, [], change);
      return changed.result;
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
}

const SAID_HERE = "somebody here has said so";
export const NO_SUCH_CLIENT = "There is no client with this id.";
