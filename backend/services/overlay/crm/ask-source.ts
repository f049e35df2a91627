// The other CRM, asked for a client that is not here, or not fresh: within a budget, and what is here is better than no answer.
// Tests: test/integration/overlay-clients.test.ts
import type { PoolClient } from "pg";
import { HttpProblem } from "../../../http/problem.js";
import { type Caller, withPurpose } from "../overlay-caller.js";
import type { OverlayParts, SourceClient } from "../overlay-parts.js";
import { requireNotErased, type Sealed } from "../sealing.js";
import { type ClientRow, findClients, type NewClient, type SyncStatus, writeClient } from "./client-rows.js";
import { type ClientRef, clientEvent } from "./crm-client.js";

export interface SetClientOptions {
  /** Default "fresh". */
  readonly syncStatus?: SyncStatus | undefined;
  /** No personal data. */
  readonly syncReason?: string | undefined;
  readonly sourceVersion?: string | undefined;
  /** When the source has changed it: what is older than what is here changes nothing. */
  readonly modifiedAt?: Date | undefined;
}

const BUDGET_MS = 2000;

export class ClientSource {
  readonly #parts: OverlayParts;

  constructor(parts: OverlayParts) {
    this.#parts = parts;
  }

  /**
   * `"none"` where the other CRM says that it has no such client (any more); `undefined` where what is held, or nothing, is the answer.
   * @throws HttpProblem 503 where nothing is held, and the other CRM cannot answer
   */
  async ask(
    tenantId: string,
    { crm_system, crm_id }: ClientRef,
    held: ClientRow | undefined,
  ): Promise<SourceClient | "none" | undefined> {
    const { sources, sourceBudgetMs = BUDGET_MS } = this.#parts;
    if (!sources) return undefined;
    const enough = AbortSignal.timeout(sourceBudgetMs);
    try {
      const answer = await Promise.race([
        sources.read(tenantId, crm_system, crm_id, enough),
        new Promise<never>((_resolve, reject) => {
          enough.addEventListener("abort", () => reject(enough.reason as Error), { once: true });
        }),
      ]);
      return answer === "none" ? undefined : (answer ?? "none");
    } catch (cause) {
      // It says itself that it is stale.
      if (held?.sealed) return undefined;
      throw new HttpProblem(503, {
        detail: `${crm_system} cannot answer now, and nothing of this client is here.`,
        headers: { "Retry-After": "5" },
        cause,
      });
    }
  }

  /**
   * In one transaction with its record. What changed here while the other CRM was asked is not undone: a copy that somebody has set meanwhile
   * stays, and so does what was said of its status.
   * @returns what is kept: a later change that came meanwhile, where there is one
   */
  async keep(
    client: PoolClient,
    caller: Caller,
    ref: ClientRef,
    { asked, made, held, agentId }: Answered,
  ): Promise<ClientRow | undefined> {
    const { tenantId, actor } = caller;
    const [subject = ""] = made.subjects;
    await requireNotErased(client, tenantId, [subject]);
    const standing = await asked.standing?.(client);
    const { syncStatus, reason: syncReason } = standing ?? asked;
    const now = (await findClients(client, tenantId, [subject], true)).get(subject);
    const changed = now && now.revision !== held?.revision ? now : undefined;
    if (changed && isSetAnew(changed, held)) return changed;
    const row = newClient(ref, made, now?.meta.agent_id ?? agentId, {
      sourceVersion: asked.version,
      modifiedAt: asked.modifiedAt,
      syncStatus,
      syncReason,
      ...(changed && isSaid(changed, standing !== undefined) && saidOf(changed)),
    });
    const { crmClient, task } = this.#parts.ttl;
    const kept = await writeClient(client, tenantId, row, crmClient, Math.max(crmClient, task));
    await this.#parts.audit.append(client, tenantId, actor, [
      withPurpose(caller, { ...clientEvent(ref, "sync"), source: "source" }),
    ]);
    return kept ?? (await findClients(client, tenantId, [subject])).get(subject);
  }
}

/** What the other CRM has said, and what was here when it was asked. */
export interface Answered {
  readonly asked: SourceClient;
  readonly made: Sealed;
  readonly held: ClientRow | undefined;
  /** Whose client it becomes where it is nobody's. */
  readonly agentId: string;
}

/** Without a date of the source, nobody can tell that the answer is the later one. */
const isSetAnew = ({ sealed, meta }: ClientRow, held: ClientRow | undefined): boolean =>
  sealed !== undefined && meta.source_modified_at === null && !(held?.sealed && sealed.equals(held.sealed));

/** What the source itself has told, without a reason, is in its standing. */
const isSaid = ({ meta: { sync_status, sync_reason } }: ClientRow, hasStanding: boolean): boolean =>
  sync_status !== "fresh" && !(hasStanding && sync_reason === null);

const saidOf = ({ meta: { sync_status: syncStatus, sync_reason } }: ClientRow) => ({
  syncStatus,
  syncReason: sync_reason ?? undefined,
});

export function newClient(
  ref: ClientRef,
  { sealed, subjects: [client = ""] }: Sealed,
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
    sealed,
  };
}
