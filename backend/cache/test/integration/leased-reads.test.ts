// Leased freshness: hits from memory ask nobody, and the next GET after any kind of invalidation sees what it changed.
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { closeAfterTest, setClock, tell } from "../../../servers/in-test.js";
import { type RedisServer, startRedisServer } from "../../../servers/index.js";
import { until } from "../../../servers/until.js";
import type { TenantCache } from "../../src/index.js";
import { gate, serve } from "../support/http-app.js";
import { becomesLeased, leasedWorld, reads, timed } from "../support/leased-world.js";

const WRITES = 30;
/** A write that has waited for a lease takes no less, however busy the machine is. */
const LEASE_MS = 100;

let server: RedisServer;
beforeAll(async () => {
  server = await startRedisServer();
});
afterAll(async () => {
  await server.stop();
});

const median = (values: readonly number[]) =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

describe("leased hits", () => {
  test("ask the store nothing while the lease is held", async () => {
    const { join, admin, readers } = await leasedWorld(server.url);
    const reader = await join();
    await becomesLeased(reader, admin);
    // A busy machine may let a lease end: then a hit asks as a strict one does.
    await until("fifty hits that ask nothing", async () => {
      const before = await reads(admin);
      for (let n = 0; n < 50; n++) assert.equal((await reader.read()).cache, "hit");
      return (await reads(admin)) === before;
    });
    assert.equal(await readers(), 1);
  });

  test("see what another process has written, and its answer waits for no lease", async () => {
    const { join, readers } = await leasedWorld(server.url);
    const [writer, ...others] = await Promise.all([join(), join(), join(), join()]);
    await until("all are readers", async () => {
      await Promise.all([writer, ...others].map((each) => each.read()));
      return (await readers()) === 4;
    });
    const tookMs: number[] = [];
    for (let n = 1; n <= WRITES; n++) {
      tookMs.push(await timed(() => writer.write()));
      for (const each of [writer, ...others]) assert.equal((await each.read()).version, n);
    }
    tell(`a write with four readers: median ${median(tookMs).toFixed(1)} ms`);
    await until("a write that has waited for no lease", async () => {
      await Promise.all(others.map((each) => each.read()));
      return (await timed(() => writer.write())) < LEASE_MS;
    });
  });

  test("see what their own process has written", async () => {
    const { join, admin } = await leasedWorld(server.url);
    const one = await join();
    await becomesLeased(one, admin);
    for (let n = 1; n <= WRITES; n++) {
      await one.write();
      assert.equal((await one.read()).version, n);
    }
  });

  const list = { dependsOn: ["contacts"], tags: () => ["red"] };
  const KINDS: readonly [name: string, invalidate: (cache: TenantCache) => Promise<boolean>][] = [
    ["a module", (cache) => cache.invalidateTenantCache("tenant-1", "accounts")],
    ["a module that it depends on", (cache) => cache.invalidateTenantCache("tenant-1", "contacts")],
    ["a tag", (cache) => cache.invalidateTags("tenant-1", "red")],
    ["a whole tenant", (cache) => cache.invalidateAllTenant("tenant-1")],
    ["a module of all tenants", (cache) => cache.invalidateModule("accounts")],
    ["a URL", (cache) => cache.forget({ tenant: "tenant-1", url: "/list" })],
    ["everything", (cache) => cache.clear()],
    [
      "what a job touches",
      (cache) =>
        cache.asTenant("tenant-1", async () => {
          cache.touched("accounts");
          return true;
        }),
    ],
  ];
  for (const [name, invalidate] of KINDS) {
    test(`see an invalidation of ${name}`, async () => {
      const { join, admin, truth } = await leasedWorld(server.url);
      const [writer, reader] = await Promise.all([join({ list }), join({ list })]);
      for (let n = 1; n <= 5; n++) {
        await becomesLeased(reader, admin);
        truth.version = n;
        await invalidate(writer.cache);
        assert.equal((await reader.read()).version, n);
      }
    });
  }

  test("see the mark of a guarded write before its handler runs", async () => {
    const { join, admin } = await leasedWorld(server.url);
    const [reader, other] = await Promise.all([join(), join()]);
    const [begun, goOn] = [gate(), gate()];
    const app = await serve((express) => {
      const guarded = other.cache.invalidateCache({ modules: ["accounts"], guard: true });
      express.put("/list", guarded, async (_req, res) => {
        begun.open();
        await goOn.passed;
        res.sendStatus(204);
      });
    });
    closeAfterTest(app);
    await becomesLeased(reader, admin);
    const writing = app.request("/list", { method: "PUT" });
    await begun.passed;
    assert.match((await reader.read()).cache, /write-pending/);
    goOn.open();
    await writing;
    assert.equal((await reader.read()).status, 200);
  });

  test("are not leased on a route that allows staleness", async () => {
    const { join, readers } = await leasedWorld(server.url);
    const reader = await join({ list: { maxStaleness: 50 } });
    for (let n = 0; n < 10; n++) await reader.read();
    await delay(50);
    assert.equal(await readers(), 0);
  });

  test("a process that is not asked any more gives its lease back", async () => {
    const { join, admin, readers } = await leasedWorld(server.url);
    const [writer, reader] = await Promise.all([join(), join()]);
    await becomesLeased(reader, admin);
    assert.equal(await readers(), 1);
    await until("the reader has left", async () => (await readers()) === 0);
    await writer.write();
    assert.equal((await reader.read()).version, 1);
  });

  test("ask as strict ones do where the wall clock has jumped", async () => {
    const { join, admin } = await leasedWorld(server.url);
    const [writer, reader] = await Promise.all([join(), join()]);
    await becomesLeased(reader, admin);
    const startMs = Date.now();
    // A renewal may come between a jump and its hit: then the lease holds again.
    for (let jumps = 1, hasAsked = false; !hasAsked; jumps++) {
      const before = await reads(admin);
      setClock(startMs + 200 * jumps);
      assert.equal((await reader.read()).cache, "hit");
      hasAsked = (await reads(admin)) > before;
      assert.ok(jumps < 100, "no hit has asked");
    }
    await writer.write();
    assert.equal((await reader.read()).version, 1);
  });
});

describe("a process without the option", () => {
  test("waits for the readers of others, and soon for no more than their acknowledgements", async () => {
    const { join, admin } = await leasedWorld(server.url);
    const [writer, reader] = await Promise.all([join({ cache: { freshness: "strict" } }), join()]);
    let version = 0;
    const write = async () => {
      await becomesLeased(reader, admin);
      const tookMs = await timed(() => writer.write());
      assert.equal((await reader.read()).version, ++version);
      return tookMs;
    };
    await write();
    await until("writes do not wait for a lease", async () => (await write()) < LEASE_MS);
  });

  test("waits for nobody where nobody reads", async () => {
    const { join, registry } = await leasedWorld(server.url);
    const writer = await join({ cache: { freshness: "strict" } });
    await until(
      "a write that has waited for no lease",
      async () => (await timed(() => writer.write())) < LEASE_MS,
    );
    assert.equal(await registry(), null);
  });
});
