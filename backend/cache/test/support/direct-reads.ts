// Direct connections of tests, and reads on them as the store has them: a server that is held up is taken for silent, and asked again.
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { Redis } from "ioredis";
import { until } from "../../../servers/until.js";
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

/** Asks until there is an answer, as the store asks its own connection: a server that is held up is taken for silent. */
export async function answer(
  reads: DirectConnection,
  keys: readonly string[],
  texts: number,
): Promise<unknown> {
  for (;;) {
    await isUsable(reads);
    try {
      return await mget(reads, keys, texts);
    } catch (error) {
      if (!(error instanceof DirectConnectionLost)) throw error;
    }
  }
}

/** Until there is an answer in one of some rounds: a server that is held up is taken for silent, too. */
export async function isAnswered(reads: DirectConnection, ask: () => Promise<unknown>): Promise<void> {
  let others = 10;
  await until("it is answered", async () => {
    await isUsable(reads);
    try {
      assert.deepEqual(await ask(), ["a fence"]);
      return true;
    } catch (error) {
      if (!(error instanceof DirectConnectionLost) || others-- === 0) throw error;
      return false;
    }
  });
}
