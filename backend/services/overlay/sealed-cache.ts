// Values that live in the cache alone, sealed, each of one agent: what may be lost.
// Tests: test/integration/overlay-sessions.test.ts
import type { Collection } from "express-tenant-cache";
import type { AuditEvent, DataClass } from "../audit/audit-trail.js";
import { disclose } from "./disclosing.js";
import { type Caller, mayActFor, refusal, requireAgent, withPurpose } from "./overlay-caller.js";
import type { OverlayParts } from "./overlay-parts.js";
import { type RowMeta, rowBytes, rowOf, secondsLeft } from "./row-bytes.js";
import { sealed } from "./sealing.js";

export interface SealedCacheOptions {
  /** With one gap, `{sessionId}`. */
  readonly key: string;
  readonly entityType: string;
  readonly dataClass: DataClass;
  readonly ttlSeconds: number;
}

interface Whose {
  readonly agentId: string;
  /** Whom it shows beside the agent. */
  readonly subjectIds: readonly string[];
}

interface Meta extends RowMeta {
  readonly agent_id: string;
}

/** Sealed with its value: consents are asked of them. */
interface Shown<T> {
  readonly value: T;
  readonly subjects: readonly string[];
}

/** The person that an agent is. */
export const agentSubject = (agentId: string): string => `agent:${agentId}`;

export class SealedCache<T> {
  readonly #parts: OverlayParts;
  readonly #options: SealedCacheOptions;
  readonly #entries: Collection<Buffer, { sessionId: string }>;

  constructor(parts: OverlayParts, options: SealedCacheOptions) {
    this.#parts = parts;
    this.#options = options;
    this.#entries = parts.cache.manager.collection(options.key, {
      ttlSeconds: (bytes: Buffer) => secondsLeft(bytes, options.ttlSeconds),
    });
  }

  /** Recorded before it is kept. @returns whether the cache has it. @throws HttpProblem 403, 410 */
  async set(caller: Caller, sessionId: string, value: T, { agentId, subjectIds }: Whose): Promise<boolean> {
    const { tenantId, actor } = caller;
    const event = this.#event(sessionId, "update", subjectIds);
    await requireAgent(this.#parts.audit, caller, agentId, event);
    const before = await this.#found(tenantId, sessionId);
    if (before && !mayActFor(caller, before.meta.agent_id))
      throw await refusal(this.#parts.audit, caller, event);
    const shown: Shown<T> = { value, subjects: subjectIds };
    const { sealed: bytes } = await sealed(
      this.#parts.vault,
      tenantId,
      [agentSubject(agentId), ...subjectIds],
      this.#context(sessionId),
      shown,
    );
    await this.#parts.audit.record(tenantId, actor, [withPurpose(caller, event)]);
    const expiresAt = new Date(Date.now() + this.#options.ttlSeconds * 1000).toISOString();
    const meta: Meta = { agent_id: agentId, expires_at: expiresAt };
    return await this.#entries.set(tenantId, { sessionId }, rowBytes({ meta, sealed: bytes }));
  }

  /** `undefined` where there is none any more. @throws HttpProblem 403 */
  async get(caller: Caller, sessionId: string): Promise<T | undefined> {
    const { tenantId, actor } = caller;
    const found = await this.#found(tenantId, sessionId);
    if (!found) {
      const event = { ...this.#event(sessionId, "read"), outcome: "failure" as const };
      await this.#parts.audit.record(tenantId, actor, [withPurpose(caller, event)]);
      return undefined;
    }
    const { value, subjects } = found.shown;
    const event = this.#event(sessionId, "read", subjects);
    if (!mayActFor(caller, found.meta.agent_id)) throw await refusal(this.#parts.audit, caller, event);
    await disclose(this.#parts.audit, caller, { ...event, source: "cache" }, subjects.slice(1));
    return value;
  }

  /** @throws HttpProblem 403 */
  async delete(caller: Caller, sessionId: string): Promise<void> {
    const { tenantId, actor } = caller;
    const found = await this.#found(tenantId, sessionId);
    if (!found) return;
    const event = this.#event(sessionId, "delete", found.shown.subjects);
    if (!mayActFor(caller, found.meta.agent_id)) throw await refusal(this.#parts.audit, caller, event);
    await this.#parts.audit.record(tenantId, actor, [withPurpose(caller, event)]);
    await this.#entries.delete(tenantId, { sessionId });
  }

  async #found(tenantId: string, sessionId: string) {
    const row = rowOf<Meta>(await this.#entries.get(tenantId, { sessionId }));
    const shown = row && (await this.#parts.vault.open(tenantId, this.#context(sessionId), row.sealed));
    return shown === undefined || !row ? undefined : { meta: row.meta, shown: shown as Shown<T> };
  }

  #event(entityId: string, action: AuditEvent["action"], [subjectId]: readonly string[] = []): AuditEvent {
    const { entityType, dataClass } = this.#options;
    return { action, entityType, entityId, dataClass, ...(subjectId !== undefined && { subjectId }) };
  }

  #context(sessionId: string): string {
    return `overlay:${this.#options.entityType}:${sessionId}`;
  }
}
