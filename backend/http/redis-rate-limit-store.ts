// Where rate limits count when several processes share them: the persistent Redis.
// Tests: test/faults/state-away.test.ts, test/http/auth-away.test.ts
import { createHash } from "node:crypto";
import type { Store } from "express-rate-limit";
import type { Logger } from "pino";
import { type RedisReply, RedisStore } from "rate-limit-redis";
import type { RedisServers } from "../config/redis-servers.js";
import type { RedisClient } from "../state/open-redis.js";
import { connectionProblem, connectStateRedis, statePrefix } from "../state/state-redis.js";

export interface RateLimitStore {
  readonly store: Store;
  close(): void;
}

type Send = (...command: string[]) => Promise<RedisReply>;

/** The longest that a request waits for Redis, milliseconds. */
const WAITS_MS = 100;
/** Of the connection's own commands, too, which are more than one round trip: greeting, TLS, a Cluster's slots. */
const COMMAND_TIMEOUT_MS = 1000;

/**
 * The store of the general rate limit, with a connection of its own: it gives up sooner than others may.
 * @param keyPrefix in front of every key
 */
export function redisRateLimitStore(
  servers: RedisServers,
  keyPrefix: string,
  logger: Logger,
): RateLimitStore {
  const redis = connectStateRedis(servers, {
    commandTimeoutMs: COMMAND_TIMEOUT_MS,
    connectionName: "crm-rate-limit",
  });
  const sendCommand = withScripts(withStateLog(withDeadline(sender(redis)), redis, logger));
  const store = new RedisStore({ prefix: `${statePrefix(keyPrefix, undefined)}rate-limit:`, sendCommand });
  return { store, close: () => redis.disconnect() };
}

/**
 * A store for one limiter, over a connection that others share.
 * @param prefix in front of every key
 */
export function countingStore(redis: RedisClient, prefix: string): Store {
  return new RedisStore({ prefix, sendCommand: withScripts(sender(redis)) });
}

function sender(redis: RedisClient): Send {
  return (command = "", ...args) => redis.call(command, ...args) as Promise<RedisReply>;
}

/** Whatever the client does about a server that is away: a request waits no longer than {@link WAITS_MS}. */
function withDeadline(send: Send): Send {
  return (...command) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error("Command timed out")), WAITS_MS);
      send(...command)
        .then(resolve, reject)
        .finally(() => clearTimeout(timer));
    });
}

/** One line when Redis goes away, one when it is back. */
function withStateLog(send: Send, redis: RedisClient, logger: Logger): Send {
  let available = true;
  return async (...command) => {
    try {
      const reply = await send(...command);
      if (!available) logger.info("rate limit: redis is back, requests are counted again");
      available = true;
      return reply;
    } catch (error) {
      if (isUnknownScript(error)) throw error;
      const reason = connectionProblem(redis) ?? String(error);
      if (available) logger.warn(`rate limit: redis is away (${reason}), requests pass uncounted`);
      available = false;
      throw error;
    }
  };
}

/**
 * The store loads its scripts once, when it is made, and keeps the outcome: with Redis away at that moment it would never
 * count again. So loading is answered from here, and a script is sent along when Redis does not know it.
 */
function withScripts(send: Send): Send {
  const scripts = new Map<string, string>();
  return async (...command) => {
    const [name, argument = "", ...rest] = command;
    if (name === "SCRIPT" && rest[0] !== undefined) {
      const sha = createHash("sha1").update(rest[0]).digest("hex");
      scripts.set(sha, rest[0]);
      return sha;
    }
    try {
      return await send(...command);
    } catch (error) {
      const script = scripts.get(argument);
      if (!isUnknownScript(error) || script === undefined) throw error;
      return await send("EVAL", script, ...rest);
    }
  };
}

function isUnknownScript(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith("NOSCRIPT");
}
