// A registry that is lost, and servers that take another's place: nobody's answer leaves while a lease from before is held.
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { describe, test } from "@jest/globals";
import { Redis } from "ioredis";
import { closeAfterTest, tell } from "../../../servers/in-test.js";
import { startRedisServer, startTcpProxy } from "../../../servers/index.js";
import { READY_WITHIN_MS } from "../support/caches.js";
import { becomesLeased, leasedWorld, timed } from "../support/leased-world.js";

const LEASE_MS = 100;

async function startServer(args: readonly string[] = []) {
  const server = await startRedisServer({ args: [...args, "--repl-diskless-sync-delay", "0"] });
  closeAfterTest({ close: () => server.stop() });
  return server;
}

/** A writer and a reader, each behind a proxy of its own. */
async function startWorld(port: number, url: string) {
  const [toWriter, toReader] = await Promise.all([startTcpProxy(port), startTcpProxy(port)]);
  closeAfterTest(toWriter, toReader);
  const world = await leasedWorld(url);
  const at = (proxy: { readonly port: number }) => `redis://127.0.0.1:${proxy.port}`;
  // The reader finds out soon that it cannot ask.
  const cache = { budgetMs: 50 };
  const [writer, reader] = await Promise.all([
    world.join({ redis: at(toWriter) }),
    world.join({ redis: at(toReader), cache }),
  ]);
  return { ...world, writer, reader, toWriter, toReader };
}

describe("the registry of readers", () => {
  const LOSSES: readonly [name: string, lose: (admin: Redis, registry: string) => Promise<unknown>][] = [
    ["FLUSHALL", (admin) => admin.flushall()],
    ["eviction of the registry", (admin, registry) => admin.del(registry)],
  ];
  for (const [name, lose] of LOSSES) {
    test(`${name}: the answer waits for leases that nobody knows of any more`, async () => {
      const { port, url } = await startServer();
      const { admin, writer, reader, toReader, keyPrefix } = await startWorld(port, url);
      for (let n = 1; n <= 5; n++) {
        await becomesLeased(reader, admin);
        // It hears nothing from now on, and holds its lease.
        toReader.stall();
        await lose(admin, `${keyPrefix}fence:!readers`);
        const tookMs = await timed(() => writer.write());
        assert.ok(tookMs >= LEASE_MS - 1, `${tookMs} ms`);
        assert.equal((await reader.read()).version, n);
        toReader.heal();
      }
    });

    test(`${name}: a registry that another reader has begun anew is not ripe at once`, async () => {
      const { port, url } = await startServer();
      const { admin, writer, reader, toReader, keyPrefix, join } = await startWorld(port, url);
      const other = await join();
      await becomesLeased(reader, admin);
      toReader.stall();
      await lose(admin, `${keyPrefix}fence:!readers`);
      await admin.set(`${keyPrefix}unrelated`, 1);
      const renewing = other.read("/list/other");
      const tookMs = await timed(() => writer.write());
      await renewing;
      assert.ok(tookMs >= LEASE_MS - 1, `${tookMs} ms`);
      assert.equal((await reader.read()).version, 1);
      toReader.heal();
    });

    test(`${name}: readers that can be reached forget everything`, async () => {
      const { port, url } = await startServer();
      const { admin, writer, reader, keyPrefix } = await startWorld(port, url);
      for (let n = 1; n <= 5; n++) {
        await becomesLeased(reader, admin);
        await lose(admin, `${keyPrefix}fence:!readers`);
        await writer.write();
        assert.equal((await reader.read()).version, n);
        await becomesLeased(reader, admin);
        assert.equal((await reader.read()).version, n);
      }
    });
  }

  const UNTOLD = { cache: { freshness: "strict" } } as const;

  test("no room for a new fence: the first answer of a process without the option waits, too", async () => {
    const { port, url } = await startServer(["--maxmemory-policy", "noeviction"]);
    const { admin, reader, toReader, join, truth } = await startWorld(port, url);
    // From before anybody has held a lease: it knows of no registry.
    const writer = await join({ ...UNTOLD, redis: url });
    await becomesLeased(reader, admin);
    await admin.config("SET", "maxmemory", "1");
    toReader.stall();
    const tookMs = await timed(() => writer.write());
    assert.ok(tookMs >= LEASE_MS - 1, `${tookMs} ms`);
    assert.equal((await reader.read()).version, truth.version);
    toReader.heal();
  });

  test("a process without the option that has come to a registry waits where that is lost", async () => {
    const { port, url } = await startServer();
    const { admin, reader, toReader, join, truth } = await startWorld(port, url);
    await becomesLeased(reader, admin);
    const writer = await join({ ...UNTOLD, redis: url });
    await becomesLeased(reader, admin);
    toReader.stall();
    await admin.flushall();
    const tookMs = await timed(() => writer.write());
    assert.ok(tookMs >= LEASE_MS - 1, `${tookMs} ms`);
    assert.equal((await reader.read()).version, truth.version);
    toReader.heal();
  });

  test("a registry that is lost, begun anew and lost again while a writer waits", async () => {
    const { port, url } = await startServer();
    const { admin, writer, reader, toReader, keyPrefix, registry } = await startWorld(port, url);
    for (let n = 1; n <= 10; n += 2) {
      await becomesLeased(reader, admin);
      await admin.del(`${keyPrefix}fence:!readers`);
      const first = writer.write();
      // The reader holds a lease that the writer has never heard of, and then one that nobody knows of.
      while ((await registry()) === null) await reader.read();
      for (let reads = 0; reads < 3; reads++) await reader.read();
      toReader.stall();
      await admin.del(`${keyPrefix}fence:!readers`);
      await first;
      await writer.write();
      assert.equal((await reader.read()).version, n + 1);
      toReader.heal();
    }
  });

  test("a server that has been started anew, with what it had kept", async () => {
    const server = await startRedisServer({ args: ["--appendonly", "yes", "--appendfsync", "always"] });
    closeAfterTest({ close: () => server.stop() });
    const { admin, writer, reader, toReader } = await startWorld(server.port, server.url);
    await becomesLeased(reader, admin);
    toReader.stall();
    await server.kill();
    await server.restart();
    await writer.cache.ready(READY_WITHIN_MS);
    await writer.write();
    assert.equal((await reader.read()).version, 1);
    toReader.heal();
  });

  test("a server whose place another has taken: its lease covers nothing that the other one says", async () => {
    const [first, second] = await Promise.all([startServer(), startServer()]);
    const order = new Redis(second.url);
    const way = await startTcpProxy(first.port);
    // It is on the other server long before a lease has ended.
    const client = new Redis({ port: way.port, retryStrategy: () => 1, enableOfflineQueue: false });
    for (const each of [order, client]) each.on("error", () => undefined);
    closeAfterTest(way, ...[order, client].map((each) => ({ close: () => each.disconnect() })));
    await order.replicaof("127.0.0.1", first.port);
    while (!/^master_link_status:up/m.test(await order.info("replication"))) await delay(5);
    await order.replicaof("NO", "ONE");
    const { admin, join, truth } = await leasedWorld(first.url);
    const [writer, reader] = await Promise.all([join({ redis: second.url }), join({ redis: client })]);
    await Promise.all([becomesLeased(reader, admin), becomesLeased(writer, order)]);
    const tookMs = await timed(async () => {
      way.leadTo(second.port);
      while (reader.cache.health().connected) await delay(0);
      await reader.cache.ready(READY_WITHIN_MS);
    });
    for (let writes = 0; writes < 3; writes++) {
      // The second one's answer is what the next may come from.
      for (let reads = 0; reads < 2; reads++) await reader.read();
      await writer.write();
      assert.equal((await reader.read()).version, truth.version);
    }
    tell(`moved to another server in ${tookMs.toFixed(0)} ms, with a lease of ${LEASE_MS}`);
  });

  test("a replica that is promoted, and has heard of no reader", async () => {
    const [first, second] = await Promise.all([startServer(), startServer()]);
    const orders = [new Redis(first.url), new Redis(second.url)] as const;
    for (const each of orders) each.on("error", () => undefined);
    closeAfterTest(...orders.map((each) => ({ close: () => each.disconnect() })));
    const toFirst = await startTcpProxy(first.port);
    closeAfterTest(toFirst);
    const { admin, writer, reader, toReader, toWriter } = await startWorld(first.port, first.url);
    await reader.read();
    await reader.cache.idle();
    await orders[1].replicaof("127.0.0.1", toFirst.port);
    while (!/^master_link_status:up/m.test(await orders[1].info("replication"))) await delay(5);
    // It lags from here on: of what follows it knows nothing.
    toFirst.stall();
    await becomesLeased(reader, admin);
    await orders[1].replicaof("NO", "ONE");
    toWriter.leadTo(second.port);
    await writer.cache.ready(READY_WITHIN_MS);
    // While it could renew its lease on the first one there would be two masters.
    toReader.stall();
    await becomesLeased(writer, orders[1]);
    await orders[0].replicaof("127.0.0.1", second.port);
    await writer.write();
    assert.equal((await reader.read()).version, 1);
    toReader.heal();
  });
});
