// Sessions of agents' tools: in the cache alone, for a day, sealed under the agent's own key. What may be lost.
// Tests: test/integration/overlay-sessions.test.ts
import type * as z from "zod";
import { checked, jsonObject, plainId, requireSize } from "./given.js";
import type { Caller } from "./overlay-caller.js";
import type { OverlayParts } from "./overlay-parts.js";
import { SealedCache } from "./sealed-cache.js";

export const sessionSchema = jsonObject();
export type SessionData = z.output<typeof sessionSchema>;

const MAX_BYTES = 16 * 1024;

export class SessionCacheService {
  readonly #cache: SealedCache<SessionData>;

  constructor(parts: OverlayParts) {
    this.#cache = new SealedCache(parts, {
      key: "session:{sessionId}",
      entityType: "session",
      dataClass: "personal",
      ttlSeconds: parts.ttl.session,
    });
  }

  /** @returns false where the cache is away: it is kept nowhere else. @throws HttpProblem 400, 403, 413 */
  async set(caller: Caller, sessionId: string, data: unknown, agentId: string): Promise<boolean> {
    const session = checked(sessionSchema, data, "session");
    requireSize(session, MAX_BYTES, "The session");
    return await this.#cache.set(caller, idOf(sessionId), session, { agentId, subjectIds: [] });
  }

  /** `undefined` where there is none any more. @throws HttpProblem 403 */
  async get(caller: Caller, sessionId: string): Promise<SessionData | undefined> {
    return await this.#cache.get(caller, idOf(sessionId));
  }

  /** @throws HttpProblem 403 */
  async delete(caller: Caller, sessionId: string): Promise<void> {
    await this.#cache.delete(caller, idOf(sessionId));
  }
}

const idOf = (sessionId: string): string => checked(plainId(), sessionId, "session's id");
