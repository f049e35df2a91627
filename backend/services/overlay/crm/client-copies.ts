// Copies of clients: in the cache, in rows, and made anew from the other CRM.
// Tests: test/integration/overlay-clients.test.ts, test/faults/overlay-away.test.ts
import type { Collection } from "express-tenant-cache";
import { withTenant } from "../../../db/tenant-transaction.js";
import type { Caller } from "../overlay-caller.js";
import type { OverlayParts } from "../overlay-parts.js";
import { type CachedRow, rowBytes, rowOf, secondsLeft } from "../row-bytes.js";
import { requireNotErased, type Sealed, sealed } from "../sealing.js";
import { ClientSource } from "./ask-source.js";
import { type ClientMeta, type ClientRow, findClients, type SyncStatus } from "./client-rows.js";
import {
  type ClientCopy,
  type ClientRef,
  type CrmClient,
  clientContext,
  clientIdOf,
  clientOf,
} from "./crm-client.js";

export const MAX_CLIENT_BYTES = 256 * 1024;
/** What is not fresh is kept for who asks while the source is away, and asked for again. */
const NOT_CACHED: readonly SyncStatus[] = ["stale", "failed"];

/** A client, and what it was read from. */
export interface FoundClient {
  readonly client: CrmClient;
  readonly source: "cache" | "store" | "source";
}

export class ClientCopies {
  readonly #parts: OverlayParts;
  readonly #source: ClientSource;
  readonly #clients: Collection<Buffer | null, { crmSystem: string; crmId: string }>;

  constructor(parts: OverlayParts) {
    this.#parts = parts;
    this.#source = new ClientSource(parts);
    this.#clients = parts.cache.manager.collection("crm_client:{crmSystem}:{crmId}", {
      ttlSeconds: (bytes: Buffer | null) => {
        const status = rowOf<ClientMeta>(bytes)?.meta.sync_status;
        const isKept = status !== undefined && !NOT_CACHED.includes(status);
        return isKept ? secondsLeft(bytes, parts.ttl.crmClient) : 0;
      },
      maxBytes: 2 * MAX_CLIENT_BYTES + 64 * 1024,
    });
  }

  pseudonym(tenantId: string, ref: ClientRef): Promise<string> {
    return this.#parts.vault.pseudonym(tenantId, clientIdOf(ref));
  }

  /** @param client pseudonym: the other CRM's id stands in no key */
  key({ crm_system }: Pick<ClientRef, "crm_system">, client: string): string {
    return this.#clients.key({ crmSystem: crm_system, crmId: client });
  }

  async sealed(tenantId: string, copy: ClientCopy): Promise<Sealed> {
    const clientId = clientIdOf(copy);
    const client = await this.#parts.vault.pseudonym(tenantId, clientId);
    return await sealed(this.#parts.vault, tenantId, [clientId], clientContext(client), copy);
  }

  /** What a row shows; `undefined` where it does not open any more. */
  async open(tenantId: string, row: CachedRow<ClientMeta>): Promise<CrmClient | undefined> {
    const copy = await this.#parts.vault.open(tenantId, clientContext(row.meta.client), row.sealed);
    return copy === undefined ? undefined : clientOf(copy as ClientCopy, row.meta);
  }

  /** @throws HttpProblem 410 where the person was erased */
  async row(tenantId: string, client: string): Promise<ClientRow | undefined> {
    return await withTenant(this.#parts.pool, tenantId, async (connection) => {
      await requireNotErased(connection, tenantId, [client]);
      return (await findClients(connection, tenantId, [client])).get(client);
    });
  }

  /** Writes, and then the cache has the new copy, or nothing. */
  async update(
    tenantId: string,
    { crm_system }: ClientRef,
    client: string,
    write: () => Promise<ClientRow>,
  ): Promise<void> {
    await this.#clients.update(tenantId, { crmSystem: crm_system, crmId: client }, async () =>
      bytesOf(await write()),
    );
  }

  /**
   * From the cache, else from its row, else from the other CRM. Discloses nothing yet.
   * @param agentId whose client it becomes where it is nobody's
   */
  async look(caller: Caller, ref: ClientRef, agentId: string): Promise<FoundClient | undefined> {
    const { tenantId } = caller;
    const client = await this.pseudonym(tenantId, ref);
    const params = { crmSystem: ref.crm_system, crmId: client };
    let source: FoundClient["source"] = "store";
    const load = async () => {
      const held = await this.row(tenantId, client);
      const isFresh = held?.sealed && !NOT_CACHED.includes(held.meta.sync_status);
      const renewed = isFresh ? undefined : await this.#renewed(caller, ref, held, agentId);
      if (renewed) source = "source";
      // What is held of somebody whom the other CRM has deleted is shown to nobody; it goes when its hours are over.
      return renewed === "none" ? null : bytesOf(renewed ?? held);
    };
    const looked = await this.#clients.lookUp(tenantId, params, load);
    const isCached = looked.ageSeconds !== undefined;
    // What its row had a moment ago may be shown, although the moment was its last: it is not that nobody knows the client.
    const opened = await this.#opened(tenantId, looked.value, isCached ? Date.now() : 0);
    if (opened) return { client: opened, source: isCached ? "cache" : source };
    if (!isCached) return undefined;
    // What the cache has does not open: it is not what was stored there.
    await this.#clients.delete(tenantId, params);
    const again = await this.#opened(tenantId, await load(), 0);
    return again && { client: again, source };
  }

  /** As the other CRM has it now; `"none"` where it has no such client, `undefined` where it does not say. */
  async #renewed(
    caller: Caller,
    ref: ClientRef,
    held: ClientRow | undefined,
    agentId: string,
  ): Promise<ClientRow | "none" | undefined> {
    const { tenantId } = caller;
    const asked = await this.#source.ask(tenantId, ref, held);
    if (asked === undefined || asked === "none") return asked;
    const made = await this.sealed(tenantId, { ...ref, data: asked.data });
    return await withTenant(this.#parts.pool, tenantId, (connection) =>
      this.#source.keep(connection, caller, ref, { asked, made, held, agentId }),
    );
  }

  async #opened(tenantId: string, bytes: Buffer | null, nowMs: number): Promise<CrmClient | undefined> {
    const row = rowOf<ClientMeta>(bytes, nowMs);
    return row && (await this.open(tenantId, row));
  }
}

function bytesOf(row: ClientRow | undefined): Buffer | null {
  return row?.sealed ? rowBytes({ meta: row.meta, sealed: row.sealed }) : null;
}
