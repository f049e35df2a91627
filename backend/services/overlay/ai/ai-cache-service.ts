// What AI agents are to do, and the context of their conversations. The queue is state: rows with leases, which no eviction and no death of a process
// loses. A context lives in the cache alone.
// Tests: test/integration/overlay-ai.test.ts, test/faults/overlay-killed.test.ts
import { randomUUID } from "node:crypto";
import type { PoolClient } from "pg";
import { withTenant } from "../../../db/tenant-transaction.js";
import { conflict, HttpProblem, notFound } from "../../../http/problem.js";
import type { AuditEvent } from "../../audit/audit-trail.js";
import { isDisclosed } from "../disclosing.js";
import { checked, jsonObject, requireSize, subjectId } from "../given.js";
import { type Caller, mayActFor, NotOwn, refusing, requireAgent, withPurpose } from "../overlay-caller.js";
import type { OverlayParts } from "../overlay-parts.js";
import { requireNotErased, sealed } from "../sealing.js";
import {
  type ActionContent,
  type AIAction,
  actionOf,
  aiActionSchema,
  boundedClaim,
  type ClaimedAction,
  type ClaimOptions,
  contextOf,
  type Failure,
  type GivenAction,
  pauseSeconds,
  resultOf,
  subjectsOf,
} from "./ai-action.js";
import { AIContexts } from "./ai-contexts.js";
import {
  type ActionRow,
  type AIStatus,
  addAction,
  claimActions,
  completeAction,
  failAction,
  findByKey,
  holdQueue,
  listActions,
  lockAction,
  openActions,
  reviveAction,
} from "./ai-queue-rows.js";

export const MAX_OPEN_ACTIONS = 1000;
const MAX_ACTION_BYTES = 32 * 1024;
const PROBLEM = /^[a-z][a-z0-9_.-]{0,59}$/;

export class AICacheService {
  readonly #parts: OverlayParts;
  readonly contexts: AIContexts;

  constructor(parts: OverlayParts) {
    this.#parts = parts;
    this.contexts = new AIContexts(parts);
  }

  /**
   * Adds an action to an agent's queue; one with an idempotency key that is there already is that one.
   * @param requestedBy who or what wants it; default: the caller
   * @throws HttpProblem 400, 403, 410, 413, 429 where 1,000 actions of the agent are open
   */
  async add(
    caller: Caller,
    agentId: string,
    given: GivenAction,
    requestedBy = caller.actor.id,
  ): Promise<AIAction> {
    const { tenantId } = caller;
    const action = checked(aiActionSchema, given, "action");
    requireSize(action, MAX_ACTION_BYTES, "The action");
    const id = randomUUID();
    const event = this.#event(id, "create", action.client_id);
    await requireAgent(this.#parts.audit, caller, agentId, event);
    const { type, payload, client_id } = action;
    const content: ActionContent = {
      type,
      payload,
      ...(client_id !== undefined && { client_id }),
      requested_by: checked(subjectId(), requestedBy, "requested_by"),
    };
    const shown = subjectsOf({ ...content, agent_id: agentId });
    const made = await sealed(this.#parts.vault, tenantId, shown, contextOf(id), content);
    const row = await this.#transaction(caller, async (client) => {
      await requireNotErased(client, tenantId, made.subjects);
      await holdQueue(client, tenantId, agentId);
      const key = action.idempotency_key;
      const known = key === undefined ? undefined : await findByKey(client, tenantId, agentId, key);
      if (known) return known;
      if ((await openActions(client, tenantId, agentId)) >= MAX_OPEN_ACTIONS)
        throw new HttpProblem(429, {
          detail: `${MAX_OPEN_ACTIONS} actions of this agent are open: complete some of them.`,
          headers: { "Retry-After": "60" },
        });
      await this.#append(client, caller, [event]);
      return await addAction(client, tenantId, {
        id,
        agentId,
        ...made,
        idempotencyKey: key ?? null,
        priority: action.priority,
        maxAttempts: action.max_attempts,
        dueAt: action.due_at === undefined ? null : new Date(action.due_at),
      });
    });
    // Of one that was there before, what it holds: the key is the same, the rest need not be.
    return row.id === id ? actionOf(row, content) : await this.#shown(caller, row, "read");
  }

  /** The agent's queue as it stands, what comes next first; at most 100. */
  async queue(
    caller: Caller,
    agentId: string,
    statuses: readonly AIStatus[] = ["pending", "leased"],
    limit = 100,
  ): Promise<AIAction[]> {
    const event = this.#event(agentId, "search");
    await requireAgent(this.#parts.audit, caller, agentId, event);
    const rows = await withTenant(
      this.#parts.pool,
      caller.tenantId,
      (client) => listActions(client, caller.tenantId, agentId, statuses, Math.min(100, limit)),
      { readOnly: true },
    );
    return await this.#disclosed(caller, rows, "read", event);
  }

  /**
   * Takes what is due for as long as the lease lasts. What is not completed or failed by then is free again, as one attempt that failed; what
   * consent keeps from the claimer is so at once, as `not_disclosed`.
   * @throws HttpProblem 403
   */
  async claim(caller: Caller, agentId: string, asked: ClaimOptions = {}): Promise<ClaimedAction[]> {
    const { tenantId } = caller;
    await requireAgent(this.#parts.audit, caller, agentId, this.#event(agentId, "search"));
    const keptSeconds = this.#parts.ttl.aiAction;
    const options = { ...boundedClaim(asked), keptSeconds };
    const rows = await this.#transaction(caller, async (client) => {
      const claimed = await claimActions(client, tenantId, agentId, options);
      const events = claimed.map((row) => ({
        ...this.#event(row.id, "update"),
        detail: { status: row.status, attempts: row.attempts },
      }));
      await this.#append(client, caller, events);
      return claimed;
    });
    const leased = new Map(rows.filter(({ status }) => status === "leased").map((row) => [row.id, row]));
    const shown = await this.#disclosed(caller, [...leased.values()], "read");
    // What the claimer must not see is not the claimer's to work on: it waits, as after an attempt that failed.
    const seen = new Set(shown.map(({ id }) => id));
    for (const { id, lease } of leased.values())
      if (lease && !seen.has(id))
        await this.fail(caller, id, lease, { problem: "not_disclosed" }).catch((error: unknown) => {
          // Erased meanwhile.
          if (!(error instanceof HttpProblem)) throw error;
        });
    return shown.flatMap((action) => {
      const row = leased.get(action.id);
      if (!row?.lease || !row.leased_until) return [];
      return [{ ...action, lease: row.lease, leased_until: row.leased_until.toISOString() }];
    });
  }

  /** Twice with the same lease is once. @throws HttpProblem 403, 404, 409 where another lease holds it by now */
  async complete(caller: Caller, id: string, lease: string, result?: unknown): Promise<void> {
    const { tenantId } = caller;
    const known = await this.#known(caller, id);
    const parsed = result === undefined ? undefined : checked(jsonObject(), result, "result");
    if (parsed) requireSize(parsed, MAX_ACTION_BYTES, "The result");
    const bytes =
      parsed && (await sealed(this.#parts.vault, tenantId, subjectsOf(known), resultOf(id), parsed)).sealed;
    await this.#held(caller, id, async (client, row) => {
      if (row.lease !== lease) throw leaseOver();
      if (row.status === "done") return;
      if (row.status !== "leased") throw leaseOver();
      await completeAction(client, tenantId, id, bytes ?? null, this.#parts.ttl.aiAction);
      await this.#append(client, caller, [{ ...this.#event(id, "update"), detail: { status: "done" } }]);
    });
  }

  /**
   * The attempt has failed: the action is free again after a pause that doubles, or given up where no attempt is left. Twice with the same lease is once.
   * @throws HttpProblem 400, 403, 404, 409
   */
  async fail(caller: Caller, id: string, lease: string, failure: Failure): Promise<{ status: AIStatus }> {
    const { problem, isRetryable = true } = failure;
    if (!PROBLEM.test(problem))
      throw new HttpProblem(400, { detail: 'problem must be a code such as "model_timeout".' });
    const row = await this.#held(caller, id, async (client, held) => {
      if (held.lease !== lease) throw leaseOver();
      if (held.status === "pending" || held.status === "dead") return held;
      if (held.status !== "leased") throw leaseOver();
      const isOver = !isRetryable || held.attempts >= held.max_attempts;
      const retryAfterSeconds = pauseSeconds(held.attempts);
      const outcome = isOver ? { keptSeconds: this.#parts.ttl.aiAction } : { retryAfterSeconds };
      const failed = await failAction(client, caller.tenantId, id, problem, outcome);
      const detail = { status: failed.status, attempts: held.attempts, problem };
      await this.#append(client, caller, [{ ...this.#event(id, "update"), detail }]);
      return failed;
    });
    return { status: row.status };
  }

  /** A dead action begins anew; one that is open stays as it is. @throws HttpProblem 403, 404, 409 where it is done */
  async retry(caller: Caller, id: string): Promise<{ status: AIStatus }> {
    const row = await this.#held(caller, id, async (client, held) => {
      if (held.status === "done") throw conflict("The action is done.");
      if (held.status !== "dead") return held;
      const revived = await reviveAction(client, caller.tenantId, id);
      await this.#append(client, caller, [{ ...this.#event(id, "update"), detail: { status: "pending" } }]);
      return revived;
    });
    return { status: row.status };
  }

  /** What a row shows; `undefined` where it does not open any more. */
  async open(tenantId: string, row: Pick<ActionRow, "id" | "sealed">): Promise<ActionContent | undefined> {
    return (await this.#parts.vault.open(tenantId, contextOf(row.id), row.sealed)) as
      | ActionContent
      | undefined;
  }

  async #shown(caller: Caller, row: ActionRow, action: AuditEvent["action"]): Promise<AIAction> {
    const [shown] = await this.#disclosed(caller, [row], action);
    if (!shown) throw notFound(NO_SUCH_ACTION);
    return shown;
  }

  /** Those that open and are covered by consent, once it is on record that they are seen. */
  async #disclosed(
    caller: Caller,
    rows: readonly ActionRow[],
    action: AuditEvent["action"],
    search?: AuditEvent,
  ): Promise<AIAction[]> {
    const { tenantId, actor } = caller;
    const shown = await Promise.all(
      rows.map(async (row) => {
        const content = await this.open(tenantId, row);
        const event = { ...this.#event(row.id, action, content?.client_id), source: "store" } as const;
        if (!content || !(await isDisclosed(this.#parts.audit, caller, event))) return undefined;
        const result = row.result && (await this.#parts.vault.open(tenantId, resultOf(row.id), row.result));
        return { ...actionOf(row, content), ...(result === null || result === undefined ? {} : { result }) };
      }),
    );
    const actions = shown.filter((each) => each !== undefined);
    if (search)
      await this.#parts.audit.record(tenantId, actor, [
        withPurpose(caller, { ...search, source: "store", detail: { found: actions.length } }),
      ]);
    return actions;
  }

  /** The action, held until the change is committed. */
  async #held<Result>(
    caller: Caller,
    id: string,
    change: (client: PoolClient, row: ActionRow) => Promise<Result>,
  ): Promise<Result> {
    return await this.#transaction(caller, async (client) => {
      const row = await lockAction(client, caller.tenantId, id);
      if (!row) throw notFound(NO_SUCH_ACTION);
      if (!mayActFor(caller, row.agent_id)) throw new NotOwn(this.#event(id, "update"));
      return await change(client, row);
    });
  }

  async #known(caller: Caller, id: string): Promise<ActionContent & Pick<ActionRow, "agent_id">> {
    const row = await this.#held(caller, id, async (_client, held) => held);
    const content = await this.open(caller.tenantId, row);
    if (!content) throw notFound(NO_SUCH_ACTION);
    return { ...content, agent_id: row.agent_id };
  }

  async #transaction<Result>(caller: Caller, work: (client: PoolClient) => Promise<Result>): Promise<Result> {
    return await refusing(this.#parts.audit, caller, () =>
      withTenant(this.#parts.pool, caller.tenantId, work),
    );
  }

  async #append(client: PoolClient, caller: Caller, events: readonly AuditEvent[]): Promise<void> {
    const told = events.map((event) => withPurpose(caller, event));
    await this.#parts.audit.append(client, caller.tenantId, caller.actor, told);
  }

  #event(entityId: string, action: AuditEvent["action"], subject?: string): AuditEvent {
    const about = { action, entityType: "ai_action", entityId, dataClass: "phi" } as const;
    return subject === undefined ? about : { ...about, subjectId: subject };
  }
}

const NO_SUCH_ACTION = "There is no action with this id.";
const leaseOver = () => conflict("The lease is not good any more: claim the action again.");
