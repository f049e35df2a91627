// Servers that do not say who they are, or refuse to be asked: said once, with what to do, and used as far as freshness allows it.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe, test } from "@jest/globals";
import { Redis } from "ioredis";
import { closeAfterTest } from "../../../servers/in-test.js";
import { startRedisServer, startTcpProxy } from "../../../servers/index.js";
import type { TenantCacheOptions } from "../../src/index.js";
import { openCache, READY_WITHIN_MS } from "../support/caches.js";
import { redisOfFile } from "../support/redis-of-file.js";
import { serveVersioned } from "../support/versioned-app.js";

describe("a server that does not say who it is", () => {
  const ofFile = redisOfFile();

  /** The server, without some words in what it says. */
  async function without(...words: string[]): Promise<string> {
    const rewrite = (bytes: Buffer) => {
      let text = bytes.toString("latin1");
      for (const word of words) text = text.replaceAll(word, "x".repeat(word.length));
      return Buffer.from(text, "latin1");
    };
    const proxy = await startTcpProxy(ofFile.server.port, { rewrite });
    closeAfterTest(proxy);
    return `redis://127.0.0.1:${proxy.port}`;
  }

  async function asUserWithout(...rules: string[]): Promise<string> {
    const name = `user-${randomUUID()}`;
    await ofFile.admin.call("ACL", "SETUSER", name, "on", ">secret", "~*", "&*", "+@all", ...rules);
    return `redis://${name}:secret@${ofFile.server.host}:${ofFile.server.port}`;
  }

  async function open(redis: TenantCacheOptions["redis"], keyPrefix: string, truth = { version: 0 }) {
    const lines: string[] = [];
    const log = (line: string) => void lines.push(line);
    const logger = { info: log, warn: log, error: log };
    const cache = await openCache("redis", { redis, keyPrefix, logger });
    const versioned = await serveVersioned(cache, { truth });
    closeAfterTest(cache, versioned.app);
    return { cache, lines, ...versioned };
  }

  interface Case {
    readonly name: string;
    url(): Promise<string>;
    /** What is said of it; nothing where nothing is lost. */
    readonly says?: RegExp;
    /** Whether processes share entries. */
    readonly shares: boolean;
  }

  const keepsItsOwn = /INFO does not say which server it is .*: allow INFO \(ACL: \+info\)/;
  const cases: readonly Case[] = [
    {
      name: "INFO without run_id",
      url: () => without("run_id:"),
      says: /INFO has no run_id: servers are told apart by master_replid alone; nothing has to be done/,
      shares: true,
    },
    {
      name: "INFO without master_replid",
      url: () => without("master_replid:"),
      says: keepsItsOwn,
      shares: false,
    },
    {
      name: "INFO without either, or a role",
      url: () => without("run_id:", "master_replid:", "role:"),
      says: keepsItsOwn,
      shares: false,
    },
    { name: "INFO refused", url: () => asUserWithout("-info"), says: keepsItsOwn, shares: false },
    { name: "WAIT refused", url: () => asUserWithout("-wait"), shares: true },
    {
      name: "INFO and WAIT refused",
      url: () => asUserWithout("-info", "-wait"),
      says: keepsItsOwn,
      shares: false,
    },
    { name: "PING refused", url: () => asUserWithout("-ping"), shares: true },
    { name: "CLIENT refused", url: () => asUserWithout("-client"), shares: true },
  ];

  for (const { name, url, says, shares } of cases) {
    test(`${name}: it is used, and two processes see each other's changes`, async () => {
      const redis = await url();
      const keyPrefix = `${randomUUID()}:`;
      const truth = { version: 0 };
      const [one, two] = [await open(redis, keyPrefix, truth), await open(redis, keyPrefix, truth)];
      await one.read();
      await one.cache.idle();
      assert.equal((await one.read()).cache, "hit");
      assert.equal((await two.read()).cache === "hit", shares);
      await two.cache.idle();
      assert.equal((await two.read()).cache, "hit");
      await one.write();
      assert.equal((await two.read()).version, 1);
      await two.write();
      assert.equal((await one.read()).version, 2);
      for (const { lines } of [one, two]) {
        assert.equal(lines.length, says ? 1 : 0, lines.join("\n"));
        if (says) assert.match(lines[0] ?? "", says);
      }
    });
  }

  for (const withWait of [true, false])
    test(`without role and master_replid a replica gives itself away all the same${withWait ? "" : ", also without WAIT"}`, async () => {
      const demoted = await startRedisServer();
      const order = new Redis(demoted.url);
      closeAfterTest({
        async close() {
          order.disconnect();
          await demoted.stop();
        },
      });
      const rewrite = (bytes: Buffer) =>
        Buffer.from(
          bytes.toString("latin1").replaceAll("role:", "xxxx:").replaceAll("master_replid:", "x".repeat(14)),
          "latin1",
        );
      const proxy = await startTcpProxy(demoted.port, { rewrite });
      closeAfterTest(proxy);
      if (!withWait) await order.call("ACL", "SETUSER", "default", "-wait");
      const { cache, read, write } = await open(`redis://127.0.0.1:${proxy.port}`, "demoted:");
      await read();
      await cache.idle();
      assert.equal((await read()).cache, "hit");
      await order.replicaof("127.0.0.1", 1);
      assert.equal((await write()).status, 201);
      for (let round = 0; round < 10; round++) assert.notEqual((await read()).cache, "hit");
      await order.replicaof("NO", "ONE");
      assert.equal(await cache.ready(READY_WITHIN_MS), true);
      assert.deepEqual(await read(), { version: 1, cache: "fwd=miss; stored", status: 200 });
      await cache.idle();
      proxy.cut();
      while (cache.health().connected) await read();
      proxy.heal();
      assert.equal(await cache.ready(READY_WITHIN_MS), true);
      assert.equal((await read()).cache, "fwd=miss; stored", "nobody knows whether it is the same server");
    });

  test("INFO that is not even a command (renamed) is no reason either", async () => {
    const renamed = await startRedisServer({
      args: ["--rename-command", "INFO", "", "--rename-command", "PING", ""],
    });
    closeAfterTest({ close: () => renamed.stop() });
    const { cache, lines, read } = await open(renamed.url, "renamed:");
    await read();
    await cache.idle();
    assert.equal((await read()).cache, "hit");
    assert.equal(lines.length, 1);
    assert.match(lines[0] ?? "", keepsItsOwn);
  });
});
