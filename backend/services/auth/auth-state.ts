// What logging in and out leaves in the persistent Redis: revoked tokens and users' sessions.
// Tests: test/http/auth.test.ts, test/http/auth-away.test.ts
import * as z from "zod";
import type { Auth } from "../../http/identity/auth.js";
import type { Revocations } from "../../http/identity/authenticator.js";
import { CLOCK_TOLERANCE_SECONDS } from "../../http/identity/token-verifier.js";
import { named } from "../../http/openapi/named-schemas.js";
import { HttpProblem, unauthorized } from "../../http/problem.js";
import type { Outage } from "../../outage.js";
import type { RedisClient } from "../../state/open-redis.js";
import { connectionProblem, type StateStore, statePrefix } from "../../state/state-redis.js";

/** An access token that a session has issued. */
export interface IssuedToken {
  readonly jti: string;
  readonly expiresAtMs: number;
}

/** A user's session, as the session list shows it. */
export const sessionEntry = named(
  "SessionEntry",
  z.strictObject({ id: z.guid(), started_at: z.iso.datetime(), refreshed_at: z.iso.datetime() }),
);
export type SessionEntry = Readonly<z.output<typeof sessionEntry>>;

const SESSION_SECONDS = 24 * 3600;

/** Every method rejects with HttpProblem 503 where Redis cannot be asked. */
export class AuthState implements Revocations {
  readonly redis: RedisClient;
  readonly #keyPrefix: string;
  readonly #outage: Outage | undefined;

  /**
   * @param store a server that evicts nothing: eviction would bring revoked tokens back to life
   * @param outage tells of it while it is away. Default: each request that meets it is logged
   */
  constructor({ redis, keyPrefix }: StateStore, outage?: Outage) {
    this.redis = redis;
    this.#keyPrefix = keyPrefix;
    this.#outage = outage;
  }

  /** Key of the failed logins from an address, without what stands in front of all keys. */
  rateLimitKey(tenantId: string | undefined, address: string): string {
    return `${statePrefix("", tenantId)}auth:rate-limit:${address}`;
  }

  /** Key of the failed logins from an address at all tenants together. */
  addressLimitKey(address: string): string {
    return `${statePrefix("", undefined)}auth:rate-limit:address:${address}`;
  }

  /** What the keys of {@link rateLimitKey} are put behind. */
  get keyPrefix(): string {
    return this.#keyPrefix;
  }

  /** @throws HttpProblem 401 where the whole tenant is suspended */
  async isRevoked({ tenantId, jti }: Auth): Promise<boolean> {
    // Both at once: one round trip.
    const asked = tenantId === undefined ? 0 : this.redis.exists(this.#suspendedKey(tenantId));
    // A token without id is accepted while Redis is away: the database, and the tenant's fence in the cache,
    // know of a suspension, too.
    if (jti === undefined) return (await Promise.resolve(asked).catch(() => 0)) === 1 && refuseSuspended();
    const [revoked, suspended] = await this.#available(
      Promise.all([this.redis.exists(this.#blacklistKey(tenantId, jti)), asked]),
    );
    if (suspended === 1) refuseSuspended();
    return revoked === 1;
  }

  /** From then on no process accepts a token of the tenant, on routes that ask no database either. */
  async suspendTenant(tenantId: string): Promise<void> {
    await this.#available(this.redis.set(this.#suspendedKey(tenantId), "suspended"));
  }

  async resumeTenant(tenantId: string): Promise<void> {
    await this.#available(this.redis.del(this.#suspendedKey(tenantId)));
  }

  /** Remembers revoked tokens for as long as a verifier would accept them. */
  async revoke(tenantId: string | undefined, tokens: readonly IssuedToken[]): Promise<void> {
    await this.#available(
      Promise.all(
        tokens.map(({ jti, expiresAtMs }) => {
          const remainingMs = Math.ceil(expiresAtMs + CLOCK_TOLERANCE_SECONDS * 1000 - Date.now());
          return remainingMs > 0
            ? this.redis.set(this.#blacklistKey(tenantId, jti), "revoked", "PX", remainingMs)
            : undefined;
        }),
      ),
    );
  }

  /** Notes that a session has begun or been refreshed. It is listed for a day after the last of these. */
  async noteSession(tenantId: string, userId: string, session: SessionEntry): Promise<void> {
    const key = this.#sessionKey(tenantId, userId);
    const over = (await this.#sessionsAt(key)).filter((known) => !isRecent(known)).map(({ id }) => id);
    const noted = this.redis
      .multi()
      .hset(key, session.id, JSON.stringify(session))
      .expire(key, SESSION_SECONDS);
    if (over.length > 0) noted.hdel(key, ...over);
    await this.#available(noted.exec());
  }

  async dropSession(tenantId: string, userId: string, sessionId: string): Promise<void> {
    await this.#available(this.redis.hdel(this.#sessionKey(tenantId, userId), sessionId));
  }

  /** The user's sessions of the last day, the latest first. */
  async sessionsOf(tenantId: string, userId: string): Promise<SessionEntry[]> {
    const sessions = await this.#sessionsAt(this.#sessionKey(tenantId, userId));
    return sessions.filter(isRecent).sort((a, b) => b.refreshed_at.localeCompare(a.refreshed_at));
  }

  async #sessionsAt(key: string): Promise<SessionEntry[]> {
    const entries = await this.#available(this.redis.hvals(key));
    return entries.map((text): SessionEntry => JSON.parse(text));
  }

  async #available<T>(answer: Promise<T>): Promise<T> {
    try {
      const given = await answer;
      this.#outage?.worked();
      return given;
    } catch (cause) {
      throw this.unavailable(cause);
    }
  }

  /** @param cause for the log */
  unavailable(cause: unknown): HttpProblem {
    this.#outage?.failed(
      connectionProblem(this.redis) ?? (cause instanceof Error ? cause.message : String(cause)),
    );
    return new HttpProblem(503, {
      detail: "Whether tokens are still good cannot be known now. Try again.",
      headers: { "Retry-After": "1" },
      cause,
      isTold: this.#outage !== undefined,
    });
  }

  #blacklistKey(tenantId: string | undefined, jti: string): string {
    return `${statePrefix(this.#keyPrefix, tenantId)}auth:blacklist:${jti}`;
  }

  #suspendedKey(tenantId: string): string {
    return `${statePrefix(this.#keyPrefix, tenantId)}suspended`;
  }

  #sessionKey(tenantId: string, userId: string): string {
    return `${statePrefix(this.#keyPrefix, tenantId)}auth:session:${userId}`;
  }
}

function isRecent({ refreshed_at: refreshedAt }: SessionEntry): boolean {
  return Date.parse(refreshedAt) > Date.now() - SESSION_SECONDS * 1000;
}

function refuseSuspended(): never {
  throw unauthorized("The tenant is suspended.", "invalid_token");
}
