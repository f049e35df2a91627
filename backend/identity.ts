// Who may ask, from the configuration: the persistent Redis, the authenticator and logging in.
// Tests: test/http/identity.test.ts
import type { Logger } from "pino";
import type { RedisServers } from "./config/redis-servers.js";
import type { Config } from "./config.js";
import { Authenticator } from "./http/identity/authenticator.js";
import { createTokenVerifier } from "./http/identity/token-verifier.js";
import { Outage } from "./outage.js";
import { type AuthOptions, AuthState } from "./services/auth/index.js";
import {
  connectionProblem,
  connectStateRedis,
  requireNoEviction,
  type StateStore,
  stateTimeoutMs,
  untilConnected,
} from "./state/state-redis.js";

export interface Identity {
  readonly authenticator: Authenticator;
  /** Absent where nobody can log in. */
  readonly auth: AuthOptions | undefined;
  /** Absent where REDIS_URL is not set. */
  readonly state: StateStore | undefined;
  close(): void;
}

/**
 * Waits for Redis, but not forever: without it requests are refused one by one.
 * @throws Error where that Redis evicts keys
 */
export async function connectIdentity(config: Config, logger: Logger): Promise<Identity> {
  const state = config.redis && (await connectState(config.redis, config, logger));
  const authState = state && new AuthState(state, stateOutage(logger));
  const verify = createTokenVerifier({
    secret: config.JWT_SECRET,
    jwksUrl: config.JWT_JWKS_URL,
    issuer: config.JWT_ISSUER,
    audience: config.JWT_AUDIENCE,
  });
  return {
    authenticator: new Authenticator({ verify, revocations: authState }),
    auth: authOptions(config, authState),
    state,
    close: () => state?.redis.disconnect(),
  };
}

function stateOutage(logger: Logger): Outage {
  return new Outage({
    began: (reason) =>
      logger.error(
        `state: redis (REDIS_URL) does not answer (${reason}): logins, and tokens that can be revoked, are answered 503`,
      ),
    ended: (seconds, failures) =>
      logger.info(`state: redis answers again; ${failures} requests, within ${seconds} s, were answered 503`),
  });
}

async function connectState(
  servers: RedisServers,
  { CACHE_KEY_PREFIX: keyPrefix, CACHE_BUDGET_MS: cacheBudgetMs }: Config,
  logger: Logger,
): Promise<StateStore> {
  const redis = connectStateRedis(servers, {
    commandTimeoutMs: stateTimeoutMs(cacheBudgetMs),
    connectionName: "crm-state",
  });
  if (await untilConnected(redis)) await requireNoEviction(redis);
  else {
    const reason = connectionProblem(redis) ?? "no answer yet";
    logger.warn(
      `state: redis (REDIS_URL) cannot be reached (${reason}): tokens that can be revoked are answered 503`,
    );
  }
  return { redis, keyPrefix };
}

/** Logging in needs a place for its state, and a secret to sign with: an identity provider has logins of its own. */
function authOptions(config: Config, state: AuthState | undefined): AuthOptions | undefined {
  if (!state || config.JWT_SECRET === undefined) return undefined;
  return {
    state,
    signing: { secret: config.JWT_SECRET, issuer: config.JWT_ISSUER, audience: config.JWT_AUDIENCE },
    accessTokenSeconds: config.ACCESS_TOKEN_SECONDS,
    refreshTokenSeconds: config.REFRESH_TOKEN_SECONDS,
    maxFailures: config.LOGIN_MAX_FAILURES,
    maxFailuresPerAddress: config.LOGIN_MAX_FAILURES_PER_ADDRESS,
  };
}
