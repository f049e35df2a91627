// Direct connections of tests, and reads on them as the store has them: a server that is held up is taken for silent, and asked again.
import { setTimeout as delay } from "node:timers/promises";
import { Redis } from "ioredis";
import {
  type ConnectorClass,
  DirectConnection,
  DirectConnectionLost,
} from "../../src/store/redis/direct-connection.js";
import type { RedisClient } from "../../src/store/redis/redis-client.js";
import { commandOf } from "../../src/store/redis/resp-command.js";

export const RETRY_MS = 20;

type ClientClass = new (url: string, options: object) => unknown;

/** The connection as the store opens it, by an ioredis of either major. */
export function openDirect(url: string, Client: ClientClass = Redis, options: object = {}) {
  const common = {
    protocol: 2,
    enableReadyCheck: false,
    disableClientInfo: true,
    retryStrategy: () => RETRY_MS,
  };
  const create = (Connector: ConnectorClass) =>
    new Client(url, { ...common, ...options, Connector }) as RedisClient;
  return new DirectConnection(create);
}

/** As the store reads. */
export function mget(reads: DirectConnection, keys: readonly string[], texts: number): Promise<unknown> {
  return reads.ask([commandOf("MGET", ...keys)], { count: keys.length, texts, proveBy: keys[0] ?? "" });
}

export async function isUsable(reads: DirectConnection): Promise<void> {
  while (reads.runId === undefined) await delay(RETRY_MS);
}

/**
 * Asks again where the connection was lost: a server that is held up is taken for silent.
 * @throws DirectConnectionLost where all retries have failed
 */
export async function answered<T>(
  reads: DirectConnection,
  ask: () => Promise<T>,
  retries = Number.POSITIVE_INFINITY,
): Promise<T> {
  for (let left = retries; ; left--) {
    await isUsable(reads);
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof DirectConnectionLost) || left === 0) throw error;
    }
  }
}

/** As the store asks its own connection. */
export const answer = (reads: DirectConnection, keys: readonly string[], texts: number) =>
  answered(reads, () => mget(reads, keys, texts));
