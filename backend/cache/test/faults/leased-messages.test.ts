// Messages about changed fences that come late, twice, or never: no leased hit is old, and a write waits a lease at most.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { closeAfterTest } from "../../../servers/in-test.js";
import { type RedisServer, startRedisServer } from "../../../servers/index.js";
import { startTcpProxy } from "../../../servers/tcp-proxy.js";
import { until } from "../../../servers/until.js";
import { becomesLeased, leasedWorld, reads, timed } from "../support/leased-world.js";

const LEASE_MS = 100;

let server: RedisServer;
beforeAll(async () => {
  server = await startRedisServer();
});
afterAll(async () => {
  await server.stop();
});

describe("messages of leases", () => {
  test("that are never sent: the next renewal tells, and writes wait a lease", async () => {
    const { join, admin } = await leasedWorld(server.url);
    await admin.call("ACL", "SETUSER", "mute", "on", ">secret", "~*", "&*", "+@all", "-publish");
    const muted = new URL(server.url);
    Object.assign(muted, { username: "mute", password: "secret" });
    const [writer, reader] = await Promise.all([join({ redis: muted.href }), join()]);
    for (let n = 1; n <= 10; n++) {
      await becomesLeased(reader, admin);
      const tookMs = await timed(() => writer.write());
      assert.ok(tookMs >= LEASE_MS - 1, `${tookMs} ms`);
      assert.equal((await reader.read()).version, n);
      // And once its lease has been renewed, which is when a lost message would have been overlooked.
      await becomesLeased(reader, admin);
      assert.equal((await reader.read()).version, n);
    }
  });

  test("that a reader may not send: it is strict and says so, and writes wait for nobody", async () => {
    const { join, admin, readers } = await leasedWorld(server.url);
    await admin.call("ACL", "SETUSER", "silent", "on", ">secret", "~*", "&*", "+@all", "-publish");
    const silenced = new URL(server.url);
    Object.assign(silenced, { username: "silent", password: "secret" });
    const warnings: string[] = [];
    const logger = {
      info: () => undefined,
      warn: (text: string) => void warnings.push(text),
      error: () => undefined,
    };
    const [writer, reader] = await Promise.all([join(), join({ redis: silenced.href, cache: { logger } })]);
    await until("it is said", async () => {
      await reader.read();
      return warnings.some((each) => /read leases are not held.*\+publish/.test(each));
    });
    assert.equal(await readers(), 0);
    await until("a write that has waited for no lease", async () => {
      const tookMs = await timed(() => writer.write());
      for (let n = 0; n < 3; n++) await reader.read();
      return tookMs < LEASE_MS;
    });
    assert.equal(await readers(), 0);
  });

  test("whose connection is ended: no hit is old", async () => {
    const { join, admin } = await leasedWorld(server.url);
    const [writer, reader] = await Promise.all([join(), join()]);
    for (let n = 1; n <= 10; n++) {
      await becomesLeased(reader, admin);
      const writing = writer.write();
      await admin.call("CLIENT", "KILL", "TYPE", "pubsub");
      await writing;
      assert.equal((await reader.read()).version, n);
    }
  });

  test("that come late, and unevenly", async () => {
    const { join, admin } = await leasedWorld(server.url);
    let delayMs = 0;
    const proxy = await startTcpProxy(server.port, { delayMs: () => delayMs });
    closeAfterTest(proxy);
    const [writer, reader] = await Promise.all([join(), join({ redis: `redis://127.0.0.1:${proxy.port}` })]);
    for (let n = 1; n <= 15; n++) {
      delayMs = 0;
      await becomesLeased(reader, admin);
      delayMs = (n * 23) % 140;
      await writer.write();
      assert.equal((await reader.read()).version, n);
    }
  });

  test("of a reader that hears nothing any more: one lease at most, and once", async () => {
    const { join, admin, readers, truth } = await leasedWorld(server.url);
    const proxy = await startTcpProxy(server.port);
    closeAfterTest(proxy);
    const options = { redis: `redis://127.0.0.1:${proxy.port}`, cache: { budgetMs: 50 } };
    const [writer, reader] = await Promise.all([join(), join(options)]);
    await becomesLeased(reader, admin);
    proxy.stall();
    const before = await reads(admin);
    const tookMs = await timed(() => writer.write());
    assert.ok(tookMs >= LEASE_MS / 2, `${tookMs} ms, with a lease that is held`);
    assert.ok((await reader.read()).version === 1);
    assert.equal(await reads(admin), before);
    await until("it is taken off the registry", async () => (await readers()) === 0);
    // It is not waited for any more; a busy machine may hold writes up for as long.
    await until("three writes in a row that wait for no lease", async () => {
      let nextMs = 0;
      for (let n = 0; n < 3; n++) {
        nextMs += await timed(() => writer.write());
        assert.equal((await reader.read()).version, truth.version);
      }
      return nextMs < LEASE_MS;
    });
    proxy.heal();
    await becomesLeased(reader, admin);
    assert.equal((await reader.read()).version, truth.version);
  });
});
