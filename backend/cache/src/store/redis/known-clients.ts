// Which client was passed: of ioredis and iovalkey, which are used as they are, or of node-redis, which are adapted once each.
// Tests: test/unit/redis-option.test.ts
import { type NodeRedis, NodeRedisClient } from "./node-redis.js";
import { type NodeRedisCluster, NodeRedisClusterClient } from "./node-redis-cluster.js";
import { type NodeRedisSentinel, NodeRedisSentinelClient } from "./node-redis-sentinel.js";
import { isRedisClient, type RedisClient } from "./redis-client.js";

/** One for all caches of a client: Node would warn of many listeners. */
const adapted = new WeakMap<object, RedisClient>();

/** The store's client; `undefined` where the value is none that it knows. */
export function clientIn(value: unknown): RedisClient | undefined {
  if (isRedisClient(value)) return value;
  const adapt = adapterOf(value);
  if (adapt === undefined || typeof value !== "object" || value === null) return undefined;
  const client = adapted.get(value) ?? adapt();
  adapted.set(value, client);
  return client;
}

/** Known by their shapes, as those of ioredis are. */
function adapterOf(value: unknown): (() => RedisClient) | undefined {
  if (!has(value, ["sendCommand", "on", "off"]) || !has(value, ["withTypeMapping"])) return undefined;
  if (has(value, ["nodeClient"])) return () => new NodeRedisClusterClient(value as NodeRedisCluster);
  if (has(value, ["acquire", "use"])) return () => new NodeRedisSentinelClient(value as NodeRedisSentinel);
  if (has(value, ["duplicate", "watch"])) return () => new NodeRedisClient(value as NodeRedis);
  return undefined;
}

/** What of node-redis, or of another library, it is, and what to pass instead; `undefined` where it is none of those. */
export function strangerIn(value: object): string | undefined {
  if (has(value, ["sendCommand", "withTypeMapping"]) && has(value, ["execute"]))
    return "a pool of node-redis cannot be used: its connections are others for each command; write createClient(), createCluster() or createSentinel()";
  if (has(value, ["sendCommand"]) && "isOpen" in value)
    return "a client of node-redis 4 cannot be used: update redis to 5 or later, or write its URL";
  if (has(value, ["exec", "execAsPipeline"]) || has(value, ["exec", "execBuffer"]))
    return "a transaction or pipeline cannot be used: write the client that it belongs to";
  if (has(value, ["sendCommand", "hSet"]) || has(value, ["sendCommand", "hset"]))
    return "a client of node-redis in legacy mode cannot be used: write the client itself, without legacy()";
  if (has(value, ["hgetall", "scan"]) && !("status" in value))
    return "a client of Upstash's REST API cannot be used: write the rediss:// URL of the database";
  if (has(value, ["customCommand", "close"]))
    return "a client of Valkey GLIDE cannot be used: write its URL, or an iovalkey client";
  if ("store" in value || has(value, ["get", "set", "clear"]))
    return "a cache of another library cannot be used: write the client that it has been given";
  return undefined;
}

function has(value: unknown, methods: readonly string[]): boolean {
  if (typeof value !== "object" || value === null) return false;
  return methods.every((method) => typeof (value as Record<string, unknown>)[method] === "function");
}
