// Where the rate limit counts when several processes share it: the persistent Redis.
import { createHash } from "node:crypto";
import type { Store } from "express-rate-limit";
import { Redis } from "ioredis";
import type { Logger } from "pino";
import { type RedisReply, RedisStore } from "rate-limit-redis";

export interface RateLimitStore {
  readonly store: Store;
  close(): void;
}

type Send = (...command: string[]) => Promise<RedisReply>;

/** The longest that a request waits for Redis, milliseconds. */
const COMMAND_TIMEOUT_MS = 100;

/** Use the persistent Redis: one that evicts would forget who has asked how often. Commands fail, they never queue. */
export function redisRateLimitStore(url: string, logger: Logger): RateLimitStore {
  const redis = new Redis(url, {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    commandTimeout: COMMAND_TIMEOUT_MS,
    connectTimeout: 2000,
    connectionName: "crm-rate-limit",
  });
  // What a lost connection means to requests is logged where their commands fail.
  redis.on("error", () => {});
  const call: Send = (name = "", ...args) => redis.call(name, ...args) as Promise<RedisReply>;
  const store = new RedisStore({
    prefix: "crm:rate-limit:",
    sendCommand: withScripts(withStateLog(call, logger)),
  });
  return { store, close: () => redis.disconnect() };
}

/** One line when Redis goes away, one when it is back. */
function withStateLog(send: Send, logger: Logger): Send {
  let available = true;
  return async (...command) => {
    try {
      const reply = await send(...command);
      if (!available) logger.info("rate limit: redis is back, requests are counted again");
      available = true;
      return reply;
    } catch (error) {
      if (isUnknownScript(error)) throw error;
      if (available) logger.warn(`rate limit: redis is away (${String(error)}), requests pass uncounted`);
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
