// `causes: { shared: true }`: processes hear what others have invalidated, and go on where they may not.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe, test } from "@jest/globals";
import { Redis } from "ioredis";
import { createClient } from "redis";
import { afterTest } from "../../../servers/in-test.js";
import { startRedisServer } from "../../../servers/index.js";
import { startRedisCluster } from "../../../servers/redis-cluster.js";
import { until } from "../../../servers/until.js";
import {
  createTenantCache,
  type InvalidatedEvent,
  type RedisOption,
  type TenantCache,
} from "../../src/index.js";
import { PATIENT, quiet, READY_WITHIN_MS } from "../support/caches.js";

async function open(redis: RedisOption, keyPrefix: string, more = {}): Promise<TenantCache> {
  const causes = { shared: true };
  const cache = createTenantCache({
    redis,
    keyPrefix,
    tenant: () => "acme",
    logger: quiet,
    ...PATIENT,
    causes,
    ...more,
  });
  afterTest(() => cache.close());
  assert.ok(await cache.ready(READY_WITHIN_MS));
  return cache;
}

function heardBy(cache: TenantCache): InvalidatedEvent[] {
  const heard: InvalidatedEvent[] = [];
  cache.events.on("invalidated", (event) => heard.push(event));
  return heard;
}

/** Until the other hears it: a subscription may take a moment longer than the connection. */
async function tellUntilHeard(from: TenantCache, heard: readonly InvalidatedEvent[], tenant: string) {
  await until(`${tenant} is heard of`, async () => {
    await from.because({ job: "import" }, () => from.invalidateTenantCache(tenant, "orders", "plans"));
    return heard.some((event) => event.tenant === tenant);
  });
}

async function startServer() {
  const server = await startRedisServer();
  afterTest(() => server.stop());
  return server;
}

describe("what another process has invalidated", () => {
  test("is heard with its cause, and one's own once", async () => {
    const { url } = await startServer();
    const prefix = `${randomUUID()}:`;
    const [one, other] = [await open(url, prefix), await open(url, prefix)];
    const stranger = await open(url, "else:");
    const alone = await open(url, prefix, { causes: {} });
    const [own, heard, elsewhere, unheard] = [one, other, stranger, alone].map(heardBy);
    await tellUntilHeard(one, heard ?? [], "tenant-1");
    const [event] = heard ?? [];
    assert.deepEqual(
      [event?.kind, event?.name, event?.modules, event?.confirmed, event?.elsewhere],
      ["job", "import", ["orders", "plans"], true, true],
    );
    assert.ok(own?.every((each) => !each.elsewhere));
    await tellUntilHeard(other, own ?? [], "tenant-2");
    assert.deepEqual([elsewhere, unheard], [[], []]);
  });

  for (const [name, clientOf] of [
    ["an ioredis client", (url: string) => new Redis(url)],
    ["an ioredis client that connects later", (url: string) => new Redis(url, { lazyConnect: true })],
    ["a node-redis client", async (url: string) => createClient({ url }).connect()],
  ] as const)
    test(`by ${name} of the app's own`, async () => {
      const { url } = await startServer();
      const client = await clientOf(url);
      client.on("error", () => undefined);
      afterTest(() => ("quit" in client ? client.quit() : undefined));
      const one = await open(url, "p:");
      const heard = heardBy(await open(client as never, "p:"));
      await tellUntilHeard(one, heard, "tenant-1");
    });

  test("on a Cluster", async () => {
    const cluster = await startRedisCluster();
    afterTest(() => cluster.stop());
    const option = { cluster: cluster.nodes } as never;
    const [one, other] = [await open(option, "p:"), await open(option, "p:")];
    const heard = heardBy(other);
    await tellUntilHeard(one, heard, "tenant-1");
    await tellUntilHeard(one, heard, "tenant-2");
  });

  test("is heard again once a connection that was lost is back", async () => {
    const { url } = await startServer();
    const [one, other] = [await open(url, "p:"), await open(url, "p:")];
    const heard = heardBy(other);
    await tellUntilHeard(one, heard, "tenant-1");
    const admin = new Redis(url);
    afterTest(() => admin.disconnect());
    assert.ok(Number(await admin.call("CLIENT", "KILL", "TYPE", "pubsub")) >= 2);
    await tellUntilHeard(one, heard, "tenant-2");
  });

  test("is not told where the server refuses that: said once, and fences are replaced all the same", async () => {
    const { url } = await startServer();
    const admin = new Redis(url);
    afterTest(() => admin.disconnect());
    await admin.call("ACL", "SETUSER", "little", "on", ">secret", "~*", "+@all", "-publish", "-subscribe");
    const lines: string[] = [];
    const logger = {
      ...quiet,
      warn: (line: string) => lines.push(line),
      info: (line: string) => lines.push(line),
    };
    const one = await open(url.replace("://", "://little:secret@"), "p:", { logger });
    const said = () => lines.filter((line) => line.includes("+publish"));
    for (let n = 0; n < 3; n++) assert.equal(await one.invalidateAllTenant("tenant-1"), true);
    assert.equal(said().length, 1, lines.join("\n"));
    assert.equal((await one.causes({ tenant: "tenant-1" })).length, 3, "causes are kept");
  });

  test("what others publish on the channel is no event", async () => {
    const { url } = await startServer();
    const [one, other] = [await open(url, "p:"), await open(url, "p:")];
    const heard = heardBy(other);
    await tellUntilHeard(one, heard, "tenant-1");
    const before = heard.length;
    const admin = new Redis(url);
    afterTest(() => admin.disconnect());
    for (const text of ["", "x", "x y", "x tenant-1 1 {", 'x tenant-1 z {"k":"job"}', 'x * 1 {"k":"job"}'])
      await admin.publish("p:invalidated", text);
    await tellUntilHeard(one, heard, "tenant-2");
    assert.ok(heard.slice(before).every((event) => event.name === "import"));
  });
});

test("in one process alone there is nobody to hear", async () => {
  const cache = createTenantCache({ tenant: () => "acme", logger: quiet, causes: { shared: true } });
  const heard = heardBy(cache);
  await cache.invalidateAllTenant("acme");
  assert.deepEqual(
    heard.map(({ elsewhere }) => elsewhere),
    [false],
  );
  await cache.close();
});
