// Sentinels that have not heard of a failover yet, and an old master that answers again: the cache uses the new one.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { Redis } from "ioredis";
import { startTcpProxy, type TcpProxy } from "../services/index.js";
import { type RedisSentinels, startRedisSentinels } from "../services/redis-sentinel.js";
import { openCache } from "../support/caches.js";

describe("a sentinel that still names the old master, which answers again", () => {
  let sentinels: RedisSentinels;
  /** In front of each sentinel; the first one's answers are those of before the failover. */
  const proxies: TcpProxy[] = [];
  const servers: Redis[] = [];

  before(async () => {
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
    await master.resume();
    for (const { url } of [master, replica]) servers.push(new Redis(url));
  });
  after(async () => {
    for (const server of servers) server.disconnect();
    for (const proxy of proxies) await proxy.close();
    await sentinels?.stop();
  });

  const open = (connectionName: string) => {
    const at = proxies.map(({ port }) => ({ host: "127.0.0.1", port }));
    const { name } = sentinels.options;
    return openCache("redis", { redis: { sentinels: at, name, updateSentinels: false, connectionName } });
  };
  const isOn = async (server: Redis | undefined, name: string) =>
    String(await server?.call("CLIENT", "LIST")).includes(`name=${name} `);

  test("the newest configuration counts, whoever is asked first", async () => {
    const cache = await open("asks-all");
    try {
      assert.ok(await isOn(servers[1], "asks-all"));
      assert.ok(!(await isOn(servers[0], "asks-all")));
    } finally {
      await cache.close();
    }
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
