// News of a failover that reaches a client while it looks for its next master: the client goes on.
import assert from "node:assert/strict";
import { once } from "node:events";
import net from "node:net";
import { afterAll, beforeAll, describe, jest, test } from "@jest/globals";
import { createTenantCache } from "express-tenant-cache";
import { Redis } from "ioredis";
import type { RedisServers } from "../../config/redis-servers.js";
import { startTcpProxy, type TcpProxy } from "../../servers/index.js";
import { type RedisSentinels, startRedisSentinels } from "../../servers/redis-sentinel.js";
import { until } from "../../servers/until.js";
import { openRedis } from "../../state/open-redis.js";

/** Of each sentinel: the client, its copy, the cache's store, and this test. */
const LISTENERS = 4;
/** Nothing here is about speed. */
const SETTLES_WITHIN_MS = 120_000;

describe("news of a failover, while a sentinel is asked for the master", () => {
  let sentinels: RedisSentinels;
  /** In front of the sentinel that is asked first. */
  let proxy: TcpProxy;
  /** To the others, which have the news: one to ask, one to hear it. */
  const others: { readonly ask: Redis; readonly hear: Redis }[] = [];

  beforeAll(async () => {
    sentinels = await startRedisSentinels();
    const [first, ...rest] = sentinels.options.sentinels;
    assert.ok(first);
    proxy = await startTcpProxy(first.port);
    for (const at of rest) others.push({ ask: new Redis(at), hear: new Redis(at) });
    await Promise.all(others.map(({ hear }) => hear.subscribe("+switch-master")));
  });
  afterAll(async () => {
    for (const { ask, hear } of others) for (const each of [ask, hear]) each.disconnect();
    await proxy?.close();
    await sentinels?.stop();
  });

  const listeners = async () =>
    Promise.all(
      others.map(async ({ ask }) => {
        const clients = String(await ask.call("CLIENT", "LIST"));
        return clients.match(/ sub=1 /g)?.length ?? 0;
      }),
    );

  test("the CRM's clients and the cache's own find the new master", async () => {
    const [, ...rest] = sentinels.options.sentinels;
    const options = {
      sentinels: [{ host: "127.0.0.1", port: proxy.port }, ...rest],
      name: sentinels.options.name,
      updateSentinels: false,
      // The first one is waited for: so long a client is looking for its master.
      sentinelCommandTimeout: SETTLES_WITHIN_MS,
      failoverDetector: true,
    };
    const servers: RedisServers = { kind: "sentinel", options };
    const client = openRedis(servers, {
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      connectionName: "test",
    });
    client.on("error", () => undefined);
    // As BullMQ does for the connection on which its worker waits.
    const copy = (client as Redis).duplicate();
    copy.on("error", () => undefined);
    const cache = createTenantCache({ tenant: () => "t", redis: options, logger: silent, budgetMs: 5000 });
    try {
      await until("all connected", async () => client.status === "ready" && copy.status === "ready");
      assert.ok(await cache.ready(SETTLES_WITHIN_MS));
      await until("all listening", async () => (await listeners()).every((count) => count >= LISTENERS));

      const news = others.map(({ hear }) => once(hear, "message"));
      proxy.stall();
      const lost = [once(client, "close"), once(copy, "close")];
      await sentinels.master.kill();
      await Promise.all(lost);
      await Promise.all([client, copy].map((each) => untilStatus(each as Redis, "connecting")));
      await sentinels.failedOver(sentinels.master.port);
      // Whoever listens has it now, and has read it a round trip later.
      await Promise.all(news);
      await Promise.all(others.map(({ ask }) => ask.ping()));
      proxy.heal();

      await until("all connected again", async () => client.status === "ready" && copy.status === "ready");
      assert.equal(await client.set("after", "1"), "OK");
      assert.equal(await copy.get("after"), "1");
      assert.ok(await cache.ready(SETTLES_WITHIN_MS));
    } finally {
      client.disconnect();
      copy.disconnect();
      await cache.close();
    }
  });
});

describe("a sentinel that ends every connection", () => {
  test("is nothing that anybody writes on the console", async () => {
    const sentinels = await startRedisSentinels();
    const written = jest.spyOn(console, "error").mockImplementation(() => undefined);
    let tried = 0;
    const away = net.createServer((socket) => {
      tried++;
      socket.on("error", () => undefined);
      socket.resetAndDestroy();
    });
    away.listen(0, "127.0.0.1");
    await once(away, "listening");
    const { port } = away.address() as net.AddressInfo;
    const options = {
      ...sentinels.options,
      sentinels: [...sentinels.options.sentinels, { host: "127.0.0.1", port }],
      failoverDetector: true,
    };
    const wanted = { enableOfflineQueue: true, maxRetriesPerRequest: null, connectionName: "test" };
    const client = openRedis({ kind: "sentinel", options }, wanted);
    client.on("error", () => undefined);
    await client.ping();
    await until("the CRM's client has tried it", () => tried > 0);
    client.disconnect();
    tried = 0;
    const cache = createTenantCache({ tenant: () => "t", redis: options, logger: silent, budgetMs: 5000 });
    assert.ok(await cache.ready(SETTLES_WITHIN_MS));
    await until("the cache has tried it", () => tried > 0);
    // What the sockets have to say of it comes before this.
    await cache.close();
    away.close();
    await sentinels.stop();
    assert.equal(written.mock.calls.length, 0, written.mock.calls.join("\n"));
  });
});

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };

async function untilStatus(client: Redis, status: string): Promise<void> {
  await until(`the status ${status}`, async () => client.status === status);
}
