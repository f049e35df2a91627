// The least ACL user of docs/operate/operations.md: all that the cache does is allowed, and all that is allowed is needed.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { Redis } from "ioredis";
import { projectFile } from "../../../project-root.js";
import { type RedisServer, startRedisServer } from "../../../servers/index.js";
import { type RedisCluster, startRedisCluster } from "../../../servers/redis-cluster.js";
import { until } from "../../../servers/until.js";
import { createTenantCache, type TenantCacheOptions } from "../../src/index.js";
import { KEY_FAMILIES, LEAST_COMMANDS } from "../../src/store/redis/least-user.js";
import { openCache, PATIENT, quiet } from "../support/caches.js";
import { serve } from "../support/http-app.js";

const KEY_PREFIX = "crm:";
const DATABASE = 2;
const NOTHING = () => undefined;

/** The rules behind `ACL SETUSER name`, as the page has them. */
function rulesOf(name: string): string[] {
  const page = readFileSync(projectFile("docs", "operate", "operations.md"), "utf8");
  const command = new RegExp(`ACL SETUSER ${name} ((?:[^\\n]*\\\\\\n)*[^\\n]*)`).exec(page)?.[1];
  assert.ok(command, `docs/operate/operations.md has the user ${name}`);
  return command
    .replaceAll("\\\n", " ")
    .trim()
    .split(/\s+/)
    .map((rule) => rule.replace(/^'(.*)'$/, "$1"));
}

/** What apps and operators do with a cache, and what it does behind them. */
async function useAll(redis: TenantCacheOptions["redis"]): Promise<void> {
  const cache = await openCache("redis", {
    redis,
    keyPrefix: KEY_PREFIX,
    local: { maxBytes: 0 },
    maxEntriesPerModule: 3,
  });
  const app = await serve((express) => {
    express.get("/list/:n", cache.cacheList("accounts"), (_req, res) => void res.json("x".repeat(2000)));
    express.post("/list", cache.invalidateCache("accounts"), (_req, res) => void res.sendStatus(201));
    express.put(
      "/list",
      cache.invalidateCache({ modules: ["accounts"], guard: true }),
      (_req, res) => void res.sendStatus(201),
    );
  });
  const read = async (n: number) =>
    (await app.request(`/list/${n}`, { headers: { "accept-encoding": "gzip" } })).cache;
  for (const method of ["POST", "PUT"]) {
    for (let n = 0; n < 5; n++) await read(n);
    await cache.idle();
    assert.equal(await read(4), "hit");
    assert.equal((await app.request("/list", { method })).status, 201);
    assert.equal(await read(4), "fwd=miss; stored");
    await cache.idle();
  }
  assert.equal(await cache.invalidateAllTenant("tenant-1"), true);
  assert.deepEqual(
    (await cache.causes({ tenant: "tenant-1" })).map(({ kind }) => kind),
    ["call", "route", "route"],
  );
  const space = cache.manager.tenant("tenant-1");
  assert.equal(await space.set("users:1", "one"), true);
  assert.equal(await space.get("users:1"), "one");
  assert.deepEqual(await space.mGet(["users:1", "users:2"]), ["one", undefined]);
  assert.equal(await space.increment("visits:1"), 1);
  assert.equal(await space.count("visits:1"), 1);
  assert.equal(await space.withLock("jobs:1", {}, async () => "done"), "done");
  await space.delete("users:1");
  await space.deletePattern("users:*");
  await read(1);
  await cache.idle();
  const { totals, store, server } = await cache.stats();
  assert.equal(totals.errors, 0);
  assert.equal(store.reason, null);
  assert.ok((server?.keys ?? 0) > 0);
  await cache.idle();
  await app.close();
  await cache.close();
}

describe("the least user", () => {
  let server: RedisServer;
  let cluster: RedisCluster;
  let admin: Redis;

  beforeAll(async () => {
    [server, cluster] = await Promise.all([startRedisServer(), startRedisCluster()]);
    admin = new Redis(server.url, { db: DATABASE });
  });
  afterAll(async () => {
    admin.disconnect();
    await Promise.all([server.stop(), cluster.stop()]);
  });

  const refused = async (node: Redis) =>
    ((await node.call("ACL", "LOG")) as string[][]).map((entry) =>
      entry.filter((_field, index) => index < 8).join(" "),
    );

  test("one server: nothing that the cache asks for is refused, and nothing that is allowed is not asked for", async () => {
    const rules = rulesOf("cache");
    await admin.call("ACL", "SETUSER", "cache", ...rules);
    await admin.call("ACL", "LOG", "RESET");
    await admin.config("RESETSTAT");
    const password = rules.find((rule) => rule.startsWith(">"))?.slice(1);
    await useAll(`redis://cache:${password}@${server.host}:${server.port}/${DATABASE}`);
    assert.deepEqual(await refused(admin), []);
    const stats = await admin.info("commandstats");
    const allowed = rules.filter((rule) => rule.startsWith("+")).map((rule) => rule.slice(1));
    // Redis 6.2 counts subcommands with their command.
    const isUsed = (command: string) =>
      new RegExp(`^cmdstat_(${command.replace("|", "\\|")}|${command.split("|")[0]}):`, "m").test(stats);
    const unused = allowed.filter((command) => !isUsed(command));
    assert.deepEqual(unused, []);
    for (const key of await admin.keys("*")) assert.ok(key.startsWith(KEY_PREFIX), key);
  });

  test("one without what parked values take: everything is stored, and told once", async () => {
    const page = rulesOf("cache");
    const families = KEY_FAMILIES.filter((family) => family !== "parked");
    const keys = [...families.map((family) => `~${KEY_PREFIX}${family}:*`)];
    const lacking = {
      rename: page.filter((rule) => rule !== "+rename"),
      keys: [...page.filter((rule) => !rule.startsWith("~")), ...keys],
      both: [...page.filter((rule) => !rule.startsWith("~") && rule !== "+rename"), ...keys],
    };
    for (const [user, rules] of Object.entries(lacking)) {
      await admin.call("ACL", "SETUSER", user, "reset", ...rules);
      const password = rules.find((rule) => rule.startsWith(">"))?.slice(1);
      const lines: string[] = [];
      const logger = {
        debug: NOTHING,
        info: NOTHING,
        error: NOTHING,
        warn: (line: string) => void lines.push(line),
      };
      const cache = await openCache("redis", {
        redis: `redis://${user}:${password}@${server.host}:${server.port}/${DATABASE}`,
        keyPrefix: KEY_PREFIX,
        local: { maxBytes: 0 },
        logger,
      });
      const app = await serve((express) => {
        express.get(
          "/sized/:kib",
          cache.cacheList("accounts"),
          (req, res) => void res.json("x".repeat(1024 * Number(req.params.kib))),
        );
      });
      // As one command, in pieces, and on the connection for what is large.
      for (const kib of [1, 20, 300]) {
        assert.equal((await app.request(`/sized/${kib}`)).cache, "fwd=miss; stored", user);
        await cache.idle();
        const { cache: status, body } = await app.request(`/sized/${kib}`);
        assert.equal(status, "hit", `${user}, ${kib} KiB`);
        assert.equal(body.length, 1024 * kib + 2);
      }
      const { totals, store } = await cache.stats();
      assert.deepEqual([totals.errors, store.reason], [0, null]);
      const told = lines.filter((line) => line.includes("above 2 KB"));
      assert.equal(told.length, 1, user);
      assert.match(told[0] ?? "", /allow \+rename \+strlen/);
      assert.ok(!told[0]?.includes(KEY_PREFIX), "no key in it");
      assert.equal(await cache.invalidateTenantCache("tenant-1", "accounts"), true);
      await app.close();
      await cache.close();
    }
  });

  test("without a command that is for all the cache is not in use, and without one of the others it is", async () => {
    const page = rulesOf("cache");
    const password = page.find((rule) => rule.startsWith(">"))?.slice(1);
    // What is for the database, or says who answers, is asked for when a connection is made.
    const tried = LEAST_COMMANDS.flat().filter(({ use }) => use !== "databases" && use !== "identity");
    const inUse: string[] = [];
    await Promise.all(
      tried.map(async ({ command }) => {
        const user = `without-${command.replace("|", "-")}`;
        const rules = page.filter((rule) => rule !== `+${command}`);
        await admin.call("ACL", "SETUSER", user, "reset", ...rules);
        const cache = createTenantCache({
          redis: `redis://${user}:${password}@${server.host}:${server.port}/${DATABASE}`,
          keyPrefix: KEY_PREFIX,
          tenant: () => "acme",
          logger: quiet,
          ...PATIENT,
        });
        await until(`the first answer, without ${command}`, () => {
          const { connected, reason } = cache.health();
          return connected || /NOPERM|can't run/.test(reason ?? "");
        });
        // A script is brought along when it is first called, and called by its hash behind that.
        const looks = [await cache.stats({ sizes: false }), await cache.stats({ sizes: false })];
        if (looks.every(({ store }) => store.latencyMs !== null)) inUse.push(command);
        await cache.close();
      }),
    );
    const others = tried.flatMap(({ command, use }) => (use === "all" ? [] : [command]));
    assert.deepEqual(inUse.sort(), others.sort());
  });

  test("a Cluster", async () => {
    const nodes = cluster.servers.map(({ url }) => new Redis(url));
    const rules = [...rulesOf("cache"), ...rulesOf("cache-of-cluster")];
    for (const node of nodes) await node.call("ACL", "SETUSER", "cache", ...rules);
    const password = rules.find((rule) => rule.startsWith(">"))?.slice(1) ?? "";
    await useAll({ cluster: cluster.nodes, redisOptions: { username: "cache", password } });
    for (const node of nodes) {
      assert.deepEqual(await refused(node), []);
      node.disconnect();
    }
  });
});
