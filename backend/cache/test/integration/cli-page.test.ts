// docs/operate/cli.md as its readers use it: each command of the page is run, and says what the page shows.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { projectFile } from "../../../project-root.js";
import { type RedisServer, startRedisServer } from "../../../servers/index.js";
import { CacheWarmer } from "../../src/index.js";
import { openCache } from "../support/caches.js";
import { runHere } from "../support/command-line.js";
import { type HttpApp, serve } from "../support/http-app.js";

const page = readFileSync(projectFile("docs", "operate", "cli.md"), "utf8");
const commands = [...page.matchAll(/^npx express-tenant-cache (.*)$/gm)].map(([, line = ""]) => line);

/** As a shell splits it, as far as the page needs. */
function split(line: string, env: NodeJS.ProcessEnv): string[] {
  const command = line
    .replace(/ \|\|.*$/, "")
    .replaceAll(/\$(\w+)/g, (_all, name: string) => env[name] ?? "");
  return [...command.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? "");
}

describe("docs/operate/cli.md", () => {
  let server: RedisServer;
  let app: HttpApp;
  let cache: Awaited<ReturnType<typeof openCache>>;
  let env: NodeJS.ProcessEnv;

  beforeAll(async () => {
    server = await startRedisServer({ args: ["--maxmemory", "256mb", "--maxmemory-policy", "noeviction"] });
    cache = await openCache("redis", { redis: server.url, keyPrefix: "crm:" });
    const warmer = new CacheWarmer(cache);
    warmer.register("values", {
      tenants: () => ["acme"],
      entries: (tenant) => [() => cache.manager.tenant(tenant).getOrSet("values:1", () => 1, 60)],
    });
    app = await serve((express) => {
      const access = { view: true, tenants: "all", purge: true, warm: true, name: "olga" } as const;
      express.use(
        "/ops/cache-api",
        cache.operations({
          authorize: (req) => req.get("authorization") === "Bearer token" && access,
          warmer,
        }),
      );
      for (const name of ["accounts", "leads"]) {
        express.get(`/${name}`, cache.cacheList(name, 180), (_req, res) => void res.json({ name }));
        express.post(`/${name}`, cache.invalidateCache(name), (_req, res) => void res.sendStatus(204));
      }
    });
    await app.request("/accounts", { tenant: "acme", method: "POST" });
    for (const tenant of ["acme", "globex"]) await app.request("/accounts?page=0", { tenant });
    await cache.idle();
    await app.request("/accounts", { tenant: "globex", method: "POST" });
    env = {
      REDIS_CACHE_URL: server.url,
      CACHE_KEY_PREFIX: "crm:",
      ETC_APP_URL: `${app.url}/ops/cache-api`,
      ETC_APP_TOKEN: "token",
    };
  });
  afterAll(async () => {
    await app.close();
    await cache.close();
    await server.stop();
  });

  test("has commands of each kind", () => {
    const named = new Set(commands.map((line) => line.split(" ")[0]));
    assert.deepEqual([...named].sort(), [
      "advice",
      "doctor",
      "explain",
      "keys",
      "purge",
      "stats",
      "tail",
      "top",
      "warm",
    ]);
  });

  for (const line of commands)
    test(line, async () => {
      const args = split(line, env);
      // What can ask either is run on both, but for those that the page gives an app alone.
      const { ETC_APP_URL: _app, ...onRedis } = env;
      const mayAskRedis = !args.includes("--app") && !/^(advice|explain|warm)/.test(line);
      // The tail of an app goes on with what comes: without following it has nothing of all tenants.
      for (const environment of mayAskRedis ? [onRedis, env] : [env]) {
        const { code, stdout, stderr } = await runHere(args, environment);
        const isFinding = args[0] === "doctor" && code === 1;
        assert.ok(code === 0 || isFinding, `${code}: ${stderr}`);
        if (args[0] !== "tail" || environment === onRedis) assert.notEqual(stdout, "");
      }
    });

  test("what it shows begins as what is said does", async () => {
    const { ETC_APP_URL: _app, ...onRedis } = env;
    const doctor = await runHere(["doctor"], onRedis);
    for (const shown of [
      /^warning +maxmemory-policy +noeviction$/m,
      /^ok +version +\w+ \d/m,
      /^\d errors?, \d warnings?$/m,
    ]) {
      assert.match(page, shown);
      assert.match(doctor.stdout, shown);
    }
    const explain = await runHere(["explain", "--tenant", "globex", "/accounts?page=0"], env);
    for (const shown of [
      /^verdict +miss: its handler would run$/m,
      /^why +fenced: made stale since \(module accounts, by route POST \/accounts/m,
    ]) {
      assert.match(page, shown);
      assert.match(explain.stdout, shown);
    }
    const purge = await runHere(
      ["purge", "--tenant", "acme", "--module", "accounts", "--yes", "--reason", "prices were wrong"],
      onRedis,
    );
    for (const shown of [
      /^purged: accounts of tenant acme on /m,
      /confirmed for every process after [\d.]+ ms; reason: prices were wrong$/m,
    ]) {
      assert.match(page, shown);
      assert.match(purge.stdout, shown);
    }
  });
});
