// `purge` on a Redis: a dry run changes nothing; what is done counts in every process, is confirmed, and is on record.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { Redis } from "ioredis";
import { closeAfterTest } from "../../../servers/in-test.js";
import type { RedisServer } from "../../../servers/index.js";
import { until } from "../../../servers/until.js";
import type { InvalidatedEvent } from "../../src/index.js";
import { openCache } from "../support/caches.js";
import { runHere } from "../support/command-line.js";
import { type FilledServer, startFilledRedis } from "../support/filled-redis.js";

const PREFIX = "crm:";

describe("purge", () => {
  let server: RedisServer;
  let filled: FilledServer;
  let env: NodeJS.ProcessEnv;

  beforeAll(async () => {
    filled = await startFilledRedis(PREFIX);
    ({ server, env } = filled);
  });
  afterAll(() => filled.close());

  /** Stores it where it is not there; says whether it was. */
  const read = async (tenant: string, path: string) => {
    const { cache } = await filled.app.request(path, { tenant });
    await filled.cache.idle();
    return cache;
  };
  const purge = async (...args: string[]) => {
    const { code, stdout, stderr } = await runHere(["purge", "--json", ...args], env);
    return { code, stderr, said: JSON.parse(stdout) };
  };
  const done = (...args: string[]) => purge(...args, "--yes", "--reason", "prices were wrong");

  test("a dry run says how much it is, and changes nothing", async () => {
    await read("acme", "/leads");
    const { code, said } = await purge("--tenant", "acme", "--module", "accounts");
    assert.equal(code, 0);
    assert.deepEqual([said.dryRun, said.entries, said.isExact, said.confirmed], [true, 5, true, null]);
    assert.ok(said.bytes > 2500);
    assert.equal(await read("acme", "/accounts?page=0"), "hit");
    const { stdout } = await runHere(["purge", "--tenant", "acme"], env);
    assert.match(
      stdout,
      /dry run: all of tenant acme[\s\S]*6 entries[\s\S]*at most 6 handler runs[\s\S]*--yes --reason/,
    );
    assert.equal(await read("acme", "/leads"), "hit");
    const url = await purge("--tenant", "acme", "--url", "/accounts?page=1");
    assert.deepEqual([url.said.entries, url.said.isExact], [1, true]);
    const tags = await purge("--tenant", "acme", "--tag", "account-1");
    assert.equal(tags.said.isExact, false);
    const all = await purge("--everything");
    assert.deepEqual([all.said.entries, all.said.tenants], [7, 2]);
  });

  test("a module of a tenant: every process misses, the neighbours' stay, and it is on record", async () => {
    await read("acme", "/leads");
    await read("acme", "/accounts?page=0");
    const { code, said, stderr } = await done("--tenant", "acme", "--module", "accounts", "--actor", "ada");
    assert.equal(code, 0, stderr);
    assert.equal(said.confirmed, true);
    assert.ok(said.tookMs > 0);
    assert.equal(await read("acme", "/accounts?page=0"), "fwd=miss; stored");
    assert.equal(await read("acme", "/leads"), "hit");
    assert.equal(await read("globex", "/accounts?page=0"), "hit");
    const [cause] = await filled.cache.causes({ tenant: "acme" });
    assert.deepEqual(
      [cause?.kind, cause?.reason, cause?.modules],
      ["operator", "prices were wrong", ["accounts"]],
    );
    assert.match(cause?.actor ?? "", /^[\w-]{16}$/);
  });

  test("an app whose processes hear of each other hears of it", async () => {
    const redis = server.url;
    const hearing = await openCache("redis", { redis, keyPrefix: PREFIX, causes: { shared: true } });
    closeAfterTest(hearing);
    const heard: InvalidatedEvent[] = [];
    hearing.events.on("invalidated", (event) => void heard.push(event));
    // A subscription may take a moment longer than the connection.
    await until("it is heard of", async () => {
      assert.equal((await done("--tenant", "acme", "--module", "leads")).code, 0);
      return heard.length > 0;
    });
    const [event] = heard;
    assert.deepEqual(
      [event?.kind, event?.reason, event?.tenant, event?.modules, event?.elsewhere],
      ["operator", "prices were wrong", "acme", ["leads"], true],
    );
  });

  test("a URL, a tag, a tenant, a module of all, everything", async () => {
    const urls = ["/accounts?page=0", "/accounts?page=1", "/leads"];
    const fill = async () => {
      for (const tenant of ["acme", "globex"]) for (const url of urls) await read(tenant, url);
    };
    /** Which of them are gone. */
    const gone = async (...args: string[]) => {
      await fill();
      const { code, stderr } = await done(...args);
      assert.equal(code, 0, stderr);
      const missing: string[] = [];
      for (const tenant of ["acme", "globex"])
        for (const url of urls) if ((await read(tenant, url)) !== "hit") missing.push(tenant + url);
      return missing;
    };
    assert.deepEqual(await gone("--tenant", "acme", "--tag", "any"), []);
    assert.deepEqual(
      await gone("--tenant", "globex"),
      urls.map((url) => `globex${url}`),
    );
    assert.deepEqual(await gone("--module", "leads"), ["acme/leads", "globex/leads"]);
    assert.deepEqual(await gone("--tenant", "acme", "--url", "/accounts?page=1"), ["acme/accounts?page=1"]);
    assert.equal((await gone("--everything")).length, 6);
  });

  test("names that no cache has are refused, and nothing is done", async () => {
    const tenant = await runHere(["purge", "--tenant", "a b:c", "--yes", "--reason", "why"], env);
    assert.equal(tenant.code, 2);
    assert.match(tenant.stderr, /ETC_TENANT_ID/);
    const module = await runHere(
      ["purge", "--tenant", "acme", "--module", "A B", "--yes", "--reason", "why"],
      env,
    );
    assert.equal(module.code, 2, module.stderr);
    assert.match(module.stderr, /ETC_MODULE_NAME/);
  });

  test("a user who may not is told which rights are missing: 4, and nothing is done", async () => {
    const admin = new Redis(server.url);
    await admin.call("ACL", "SETUSER", "reader", "on", ">secret", `~${PREFIX}*`, "+@read", "+info", "+time");
    admin.disconnect();
    const url = server.url.replace("://", "://reader:secret@");
    await read("acme", "/leads");
    const args = ["purge", "--tenant", "acme", "--yes", "--reason", "why"];
    const { code, stderr } = await runHere(args, { ...env, REDIS_CACHE_URL: url });
    assert.equal(code, 4, stderr);
    assert.match(stderr, /\+eval/);
    assert.equal(await read("acme", "/leads"), "hit");
    const dry = await runHere(["purge", "--tenant", "acme"], { ...env, REDIS_CACHE_URL: url });
    assert.equal(dry.code, 0, dry.stderr);
  });
});
