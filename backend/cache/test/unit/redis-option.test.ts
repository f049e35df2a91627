// The `redis` option: what is no ioredis client and names no server is refused with what to pass instead, never taken for 127.0.0.1:6379.
import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { afterAll, describe, test } from "@jest/globals";
import { Cluster, Redis } from "ioredis";
import { Cluster as Cluster5, Redis as Redis5 } from "ioredis-5";
import { createClient, createClientPool } from "redis";
import { createTenantCache, TenantCacheError } from "../../src/index.js";
import { checkRedisOption } from "../../src/store/redis/check-option.js";
import { quiet } from "../support/caches.js";

const NODES = [{ host: "10.0.0.1", port: 7000 }];
const SENTINELS = { sentinels: [{ host: "10.0.0.1", port: 26379 }], name: "main" };
const closing: { disconnect(): void }[] = [];

function kept<Client extends { disconnect(): void }>(client: Client): Client {
  closing.push(client);
  return client;
}

/** What the error says; fails where there is none, or where it is no TenantCacheError of this code. */
function refusal(redis: unknown, code: string): string {
  try {
    createTenantCache({ redis: redis as string, tenant: () => undefined, logger: quiet });
  } catch (error) {
    assert.ok(error instanceof TenantCacheError, String(error));
    assert.equal(error.code, code, error.message);
    return error.message;
  }
  return assert.fail(`not refused: ${String(redis)}`);
}

/** As node-redis, GLIDE and Upstash have them: objects with methods, and not ioredis's. */
class ForeignClient extends EventEmitter {
  readonly isOpen = false;
  readonly options = { url: "redis://10.0.0.1:6379" };
  async connect(): Promise<this> {
    return this;
  }
  async sendCommand(): Promise<void> {}
}

class Upstash {
  hgetall(): void {}
  scan(): void {}
}
class Glide {
  customCommand(): void {}
  close(): void {}
}

describe("the redis option", () => {
  afterAll(() => {
    for (const client of closing) client.disconnect();
  });

  const foreign: [what: string, value: unknown, says: RegExp][] = [
    [
      "a client of another library",
      new ForeignClient(),
      /client of node-redis 4 cannot be used: update redis/,
    ],
    ["one that derives from it, as pools do", Object.create(new ForeignClient()), /node-redis 4 cannot/],
    ["a client of a third library", new EventEmitter(), /another library cannot be used/],
    ["a pool of node-redis", createClientPool(), /a pool of node-redis cannot be used/],
    ["a client of node-redis in legacy mode", createClient().legacy(), /legacy mode cannot be used/],
    ["a transaction of node-redis", createClient().multi(), /a transaction or pipeline cannot be used/],
    ["a transaction of ioredis", new Redis({ lazyConnect: true }).multi(), /a transaction or pipeline/],
    ["a client of Upstash", new Upstash(), /Upstash's REST API cannot be used/],
    ["a client of GLIDE", new Glide(), /Valkey GLIDE cannot be used/],
    ["a cache of another library", new Map(), /a cache of another library cannot be used/],
    ["a client that was not awaited", new ForeignClient().connect(), /is a promise: await it first/],
    ["a function", () => new ForeignClient(), /is a function: write a URL/],
    ["a list", NODES, /write \{ cluster: \[\{ host, port \}\] \}/],
    ["nothing in braces", {}, /names no server: write \{ host, port \}/],
    [
      "node-redis's options with a URL",
      { url: "redis://10.0.0.1:6379" },
      /has url, .*: write the URL itself/,
    ],
    [
      "node-redis's options with a socket",
      { socket: { host: "10.0.0.1", port: 6379 } },
      /has socket, .*: write host/,
    ],
    ["node-redis's name of the database", { host: "10.0.0.1", database: 2 }, /has database, .*: write db/],
    [
      "node-redis's cluster",
      { rootNodes: [{ url: "redis://10.0.0.1" }] },
      /has rootNodes, .*: write cluster/,
    ],
    ["Upstash's options", { url: "https://eu1.upstash.io", token: "t" }, /write the URL itself/],
    ["GLIDE's options", { addresses: [{ host: "10.0.0.1" }] }, /has addresses, /],
    ["a host that is not set", { host: undefined, port: 6379 }, /host, which is undefined/],
    ["an empty host", { host: "" }, /host, which is "", an empty string/],
    [
      "a port that is no number",
      { host: "10.0.0.1", port: Number("x") },
      /which is NaN: write a whole number from 1 to 65535/,
    ],
    ["options without a server", { password: "secret" }, /names no server/],
    ["no nodes", { cluster: [] }, /one node at least/],
    ["nodes of node-redis", { cluster: [{ url: "redis://10.0.0.1" }] }, /has url in cluster/],
    ["a node without a host", { cluster: [{}] }, /names no server in cluster/],
    [
      "options beside the nodes",
      { cluster: NODES, natMap: {} },
      /natMap beside cluster: write an ioredis client: new Cluster/,
    ],
    ["no sentinels", { sentinels: [], name: "main" }, /has sentinels, which is an empty array/],
    ["a sentinel without a host", { sentinels: [{}], name: "main" }, /names no server in sentinels/],
    [
      "sentinels without a name",
      { sentinels: SENTINELS.sentinels },
      /sentinels, and name is undefined: write the name/,
    ],
    ["an unknown scheme", "valkeys://10.0.0.1:6379", /a URL of valkeys: write one of redis:\/\/ or rediss/],
    ["the URL of a REST API", new URL("https://eu1.upstash.io"), /a URL of https: /],
    ["a URL without a host", "redis://:secret@/1", /is a URL/],
    ["a URL that cannot be read", "redis://user:p%zz@host:port", /percent-encode/],
    ["a database that is no number", "redis://10.0.0.1/crm", /the number of a database/],
    ["an option that ioredis does not know in a URL", "redis://10.0.0.1?ssl=true", /has ssl, .*: write tls/],
    ["a port in the place of a URL", "6380", /without a host/],
  ];
  for (const [what, value, says] of foreign) {
    test(`${what}: refused`, () => {
      const message = refusal(value, "ETC_REDIS_CLIENT");
      assert.match(message, says);
      assert.match(message, /createTenantCache: redis .*(write|await|leave|encode)/, "and what to do");
      assert.doesNotMatch(message, /secret|p%zz/);
    });
  }

  const replicas: [what: string, value: () => unknown][] = [
    [
      "a Cluster client that scales reads to replicas",
      () => new Cluster(NODES, { scaleReads: "slave", lazyConnect: true }),
    ],
    ["one that scales them to all", () => new Cluster(NODES, { scaleReads: "all", lazyConnect: true })],
    [
      "one that chooses",
      () => new Cluster(NODES, { scaleReads: (nodes: Redis[]) => nodes, lazyConnect: true }),
    ],
    ["one of the previous major", () => new Cluster5(NODES, { scaleReads: "all", lazyConnect: true })],
    ["a client in read-only mode", () => new Redis({ readOnly: true, lazyConnect: true })],
    [
      "a client of the previous major in read-only mode",
      () => new Redis5({ readOnly: true, lazyConnect: true }),
    ],
    [
      "a client that asks sentinels for a replica",
      () => new Redis({ ...SENTINELS, role: "slave", lazyConnect: true }),
    ],
  ];
  for (const [what, make] of replicas) {
    test(`${what}: refused, because fences are read from masters`, () => {
      assert.match(refusal(kept(make() as Redis), "ETC_REDIS_REPLICA"), /replicas answer/);
    });
  }
  test("the same in options and URLs", () => {
    for (const options of [
      { host: "10.0.0.1", readOnly: true },
      { ...SENTINELS, role: "slave" },
      { cluster: NODES, redisOptions: { readOnly: true } },
      "redis://10.0.0.1?readOnly=true",
    ])
      refusal(options, "ETC_REDIS_REPLICA");
    for (const options of ["redis://10.0.0.1?keyPrefix=crm:", { host: "10.0.0.1", keyPrefix: "crm:" }])
      refusal(options, "ETC_REDIS_KEY_PREFIX");
    assert.match(
      refusal({ cluster: NODES, scaleReads: "slave" }, "ETC_REDIS_CLIENT"),
      /scaleReads beside cluster: fences are read from masters/,
    );
  });

  test("what ioredis takes is taken", () => {
    const kinds = [
      "redis://10.0.0.1",
      "rediss://user:p%40ss@10.0.0.1:6380/2?family=6",
      "10.0.0.1:6379",
      "/run/redis.sock",
      new URL("redis://10.0.0.1:6379/1"),
      { host: "10.0.0.1" },
      { port: 6380 },
      { path: "/run/redis.sock", db: 2 },
      { host: "10.0.0.1", port: "6380", tls: {}, url: undefined },
      Object.assign(Object.create(null), { host: "10.0.0.1" }),
      SENTINELS,
      { Connector: class {} },
      {
        cluster: ["redis://10.0.0.1:7000", 7001, new URL("redis://10.0.0.1"), ...NODES],
        redisOptions: { tls: {} },
      },
      kept(new Redis({ lazyConnect: true })),
      kept(new Redis5({ lazyConnect: true })),
      kept(new Cluster(NODES, { lazyConnect: true, natMap: {} })),
    ].map((redis) => checkRedisOption(redis).kind);
    const server = Array.from({ length: 10 }, () => "server");
    assert.deepEqual(kinds, [...server, "found", "found", "cluster", "client", "client", "client"]);
  });

  test("a URL object is read as its text", () => {
    const target = checkRedisOption(new URL("rediss://user:p%40ss@10.0.0.1:6380/2"));
    assert.equal(target.kind === "server" && target.url, "rediss://user:p%40ss@10.0.0.1:6380/2");
  });
});
