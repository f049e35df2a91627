// Contexts of AI conversations: in the cache alone, for an hour.
// Tests: test/integration/overlay-ai.test.ts
import * as z from "zod";
import { sensitive } from "../../subjects/sensitive-fields.js";
import { checked, jsonObject, plainId, requireSize, subjectId } from "../given.js";
import type { Caller } from "../overlay-caller.js";
import type { OverlayParts } from "../overlay-parts.js";
import { SealedCache } from "../sealed-cache.js";

const MAX_BYTES = 128 * 1024;

export const aiContextSchema = z.strictObject({
  /** The person that it is about: it opens no more once that is erased. */
  client_id: sensitive(subjectId()).optional(),
  context: sensitive(jsonObject()),
});
export type AIContext = z.output<typeof aiContextSchema>;

export class AIContexts {
  readonly #cache: SealedCache<AIContext>;

  constructor(parts: OverlayParts) {
    this.#cache = new SealedCache(parts, {
      key: "ai_context:{sessionId}",
      entityType: "ai_context",
      dataClass: "phi",
      ttlSeconds: parts.ttl.aiContext,
    });
  }

  /** @returns false where the cache is away: it is kept nowhere else. @throws HttpProblem 400, 403, 410, 413 */
  async set(caller: Caller, sessionId: string, given: unknown, agentId: string): Promise<boolean> {
    const context = checked(aiContextSchema, given, "context");
    requireSize(context, MAX_BYTES, "The context");
    const subjectIds = context.client_id === undefined ? [] : [context.client_id];
    return await this.#cache.set(caller, idOf(sessionId), context, { agentId, subjectIds });
  }

  /** `undefined` where there is none any more. @throws HttpProblem 403 */
  async get(caller: Caller, sessionId: string): Promise<AIContext | undefined> {
    return await this.#cache.get(caller, idOf(sessionId));
  }

  /** @throws HttpProblem 403 */
  async delete(caller: Caller, sessionId: string): Promise<void> {
    await this.#cache.delete(caller, idOf(sessionId));
  }
}

const idOf = (sessionId: string): string => checked(plainId(), sessionId, "session's id");
