// An old master that answers again: not used while another one is, and not believed when sentinels return to it.
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { Redis } from "ioredis";
import { startTcpProxy, type TcpProxy } from "../../../servers/index.js";
import { type RedisSentinels, startRedisSentinels } from "../../../servers/redis-sentinel.js";
import { until } from "../../../servers/until.js";
import { openCache, READY_WITHIN_MS } from "../support/caches.js";
import { serveVersioned } from "../support/versioned-app.js";

/** Sentinels demote a master that answers again some ten seconds later, which would end what is tested here. */
async function refuseDemotion(server: Redis | undefined): Promise<void> {
  await server?.call("ACL", "SETUSER", "default", "-replicaof", "-slaveof");
}

const isOn = async (server: Redis | undefined, name: string) =>
  String(await server?.call("CLIENT", "LIST")).includes(`name=${name} `);

/** How long the connector waits for the other sentinels. */
const OTHERS_WITHIN_MS = 200;

describe("a sentinel that still names the old master, which answers again", () => {
  let sentinels: RedisSentinels;
  /** In front of each sentinel; the first one's answers are those of before the failover. */
  const proxies: TcpProxy[] = [];
  const servers: Redis[] = [];

  beforeAll(async () => {
    sentinels = await startRedisSentinels();
    const { master, replica } = sentinels;
    const [first, ...others] = sentinels.options.sentinels;
    assert.ok(first);
    const before = (bytes: Buffer) =>
      Buffer.from(
        bytes
          .toString("latin1")
          .replaceAll(String(replica.port), String(master.port))
          .replace("config-epoch\r\n$1\r\n1", "config-epoch\r\n$1\r\n0"),
        "latin1",
      );
    proxies.push(await startTcpProxy(first.port, { rewrite: before }));
    for (const { port } of others) proxies.push(await startTcpProxy(port));

    await master.pause();
    assert.equal(await sentinels.failedOver(master.port), replica.port);
    for (const { host, port } of others) {
      const sentinel = new Redis({ host, port });
      const named = () => sentinel.call("SENTINEL", "GET-MASTER-ADDR-BY-NAME", sentinels.options.name);
      while (Number(((await named()) as string[])[1]) !== replica.port) await delay(20);
      sentinel.disconnect();
    }
    for (const { url } of [master, replica]) servers.push(new Redis(url));
    await master.resume();
    await refuseDemotion(servers[0]);
  });
  afterAll(async () => {
    for (const server of servers) server.disconnect();
    for (const proxy of proxies) await proxy.close();
    await sentinels?.stop();
  });

  const open = (connectionName: string) => {
    const at = proxies.map(({ port }) => ({ host: "127.0.0.1", port }));
    const { name } = sentinels.options;
    return openCache("redis", { redis: { sentinels: at, name, updateSentinels: false, connectionName } });
  };
  test("the newest configuration counts, whoever is asked first", async () => {
    let attempts = 0;
    // Where those that know it take longer to answer than it waits for them, it begins with the other one: then once more.
    await until("it is on the new one", async () => {
      const name = `asks-all-${++attempts}`;
      const begunMs = performance.now();
      const cache = await open(name);
      const tookMs = performance.now() - begunMs;
      try {
        const isRight = (await isOn(servers[1], name)) && !(await isOn(servers[0], name));
        assert.ok(isRight || tookMs > OTHERS_WITHIN_MS, `on the old one after ${tookMs} ms`);
        return isRight;
      } finally {
        await cache.close();
      }
    });
  });

  test("also where those that know it answer late", async () => {
    const [, ...knowing] = proxies;
    for (const proxy of knowing) proxy.stall();
    const cache = await open("asks-again");
    try {
      for (const proxy of knowing) proxy.heal();
      while (!(await isOn(servers[1], "asks-again"))) await delay(20);
      assert.ok(!(await isOn(servers[0], "asks-again")));
    } finally {
      await cache.close();
    }
  });
});

describe("a master that is replaced and returned to before it has been demoted", () => {
  test("what it held is not believed, though it has the ids that it had, and whoever wrote meanwhile has died", async () => {
    const sentinels = await startRedisSentinels();
    const [first, second] = [new Redis(sentinels.master.url), new Redis(sentinels.replica.url)];
    const truth = { version: 0 };
    const open = async (connectionName: string) => {
      const redis = { ...sentinels.options, connectionName };
      const cache = await openCache("redis", { redis, keyPrefix: "returned:" });
      return { cache, ...(await serveVersioned(cache, { truth })) };
    };
    const opened: Awaited<ReturnType<typeof open>>[] = [];
    try {
      await refuseDemotion(first);
      const reader = await open("reader");
      opened.push(reader);
      await reader.read();
      await reader.cache.idle();
      assert.equal((await reader.read()).cache, "hit");
      const replicationId = async () => /master_replid:(\w+)/.exec(await first.info("replication"))?.[1];
      const before = await replicationId();

      await sentinels.master.pause();
      await sentinels.failedOver(sentinels.master.port);
      await sentinels.master.resume();
      while (!(await isOn(second, "reader"))) await delay(20);
      const writer = await open("writer");
      assert.equal((await writer.write()).status, 201);
      await writer.app.close();
      await writer.cache.close();

      assert.equal(await sentinels.failedOver(sentinels.replica.port), sentinels.master.port);
      while (!(await isOn(first, "reader"))) await delay(20);
      assert.equal(await reader.cache.ready(READY_WITHIN_MS), true);
      assert.equal(await replicationId(), before, "it has been a master all the time");
      const { version, cache } = await reader.read();
      assert.deepEqual([version, cache === "hit"], [1, false]);
    } finally {
      for (const { app, cache } of opened) {
        await app.close();
        await cache.close();
      }
      for (const admin of [first, second]) admin.disconnect();
      await sentinels.stop();
    }
  });
});
