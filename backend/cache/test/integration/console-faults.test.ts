// Five planted faults, each found from the console's overview: it is among what wants an operator, and its link leads to the cause.
import assert from "node:assert/strict";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import type { RequestHandler } from "express";
import { Redis } from "ioredis";
import type { Browser, Page } from "playwright-core";
import { tell } from "../../../servers/in-test.js";
import { type RedisServer, startRedisServer } from "../../../servers/index.js";
import type { TenantCache } from "../../src/index.js";
import { openBrowser } from "../support/browser.js";
import { openCache } from "../support/caches.js";
import { type ConsoleWorld, consoleWorld } from "../support/console-world.js";

/** As long as an operator may look for one, from the overview on. */
const WITHIN_MS = 60_000;
const TENANTS = ["acme", "globex", "initech"];

/** An app with a route that is mounted in front of authentication, a TTL of 5 s, and a list that a job changes. */
async function faultyWorld(cache: TenantCache): Promise<ConsoleWorld & { runJob(): void }> {
  let rate = 1;
  const authenticate: RequestHandler = (req, _res, next) => {
    Object.assign(req, { tenantId: req.get("x-tenant") });
    next();
  };
  const world = await consoleWorld(cache, {
    more: (app) => {
      app.get("/reports", cache.cacheList("reports", 60), (_req, res) => void res.json([]));
      app.use(authenticate);
      app.get("/prices/:id", cache.cacheList("prices", 5), (req, res) => void res.json(req.params));
      app.get("/rates/:id", cache.cacheList("rates", 2), (_req, res) => void res.json({ rate }));
      app.post("/rates", cache.invalidateCache("rates"), (_req, res) => void res.sendStatus(204));
      app.get("/files/:id", cache.cacheList("files", 600), (req, res) => {
        res.json({ id: req.params.id, text: "x".repeat(4000) });
      });
    },
  });
  return {
    ...world,
    runJob: () => {
      rate += 1;
    },
  };
}

describe("five planted faults", () => {
  let redis: RedisServer;
  let admin: Redis;
  let cache: TenantCache;
  let world: Awaited<ReturnType<typeof faultyWorld>>;
  let browser: Browser;
  let page: Page;

  const ask = (path: string, tenant = "acme") => world.request(path, { tenant });

  async function useApp(): Promise<void> {
    for (let index = 0; index < 25; index++) await ask("/reports");
    for (let index = 0; index < 100; index++) await ask(`/files/${index}`, "globex");
    for (let round = 0; round < 3; round++) {
      world.runJob();
      for (let id = 0; id < 12; id++) await ask(`/prices/${id}`);
      for (const when of ["at once", "later"]) {
        for (const tenant of TENANTS) for (const id of [1, 2]) await ask(`/rates/${id}`, tenant);
        await delay(when === "at once" ? 2500 : 2800);
      }
    }
    await cache.idle();
  }

  async function shoot(name: string): Promise<void> {
    const { CONSOLE_SCREENSHOTS: folder } = process.env;
    if (folder) await page.screenshot({ path: path.join(folder, `${name}.png`), scale: "css" });
  }

  /** From the overview by the link whose text says the fault; the page behind it. */
  async function follow(text: RegExp): Promise<{ readonly said: string; readonly title: string }> {
    const startedAtMs = performance.now();
    await page.goto(`${world.url}/ops/cache/`);
    await shoot("faults-overview");
    const link = page.getByRole("main").getByRole("link", { name: text });
    const said = (await link.textContent()) ?? "";
    await link.click();
    const title = (await page.getByRole("heading", { level: 1 }).textContent()) ?? "";
    const tookMs = performance.now() - startedAtMs;
    assert.ok(tookMs < WITHIN_MS);
    tell(`${said.slice(0, 60)}…: ${Math.round(tookMs)} ms`);
    return { said, title };
  }

  beforeAll(async () => {
    redis = await startRedisServer();
    admin = new Redis(redis.url);
    await admin.call("ACL", "SETUSER", "cache", "reset", "on", ">secret", "~*", "&*", "+@all");
    cache = await openCache("redis", {
      redis: redis.url.replace("//", "//cache:secret@"),
      tenant: (req) => Reflect.get(req, "tenantId"),
      maxBytesPerTenant: 200_000,
    });
    world = await faultyWorld(cache);
    browser = await openBrowser();
    const context = await browser.newContext({ viewport: { width: 1200, height: 800 } });
    await context.addCookies([{ name: "person", value: "superadmin", url: world.url }]);
    page = await context.newPage();
    await useApp();
  });
  afterAll(async () => {
    await browser?.close();
    await world?.close();
    await cache?.close();
    admin.disconnect();
    await redis.stop();
  });

  test("a route without a tenant: the reason, and what the tenant option returned", async () => {
    const { said, title } = await follow(/^reports: .* not looked up/);
    assert.match(
      said,
      /100\.0 % .*: no-tenant, the option tenant found nobody: mount cacheList behind authentication/,
    );
    assert.equal(title, "Modules");
    const requests = page.getByRole("region", { name: /^Requests of reports / });
    await requests.getByRole("row", { name: /^no-tenant 25 / }).waitFor();
    await page.goto(`${world.url}/ops/cache/`);
    await page
      .getByRole("listitem")
      .filter({ hasText: /reports.*tenant/ })
      .last()
      .waitFor();
  });

  test("a TTL of 5 s: what it brings, and what a longer one would", async () => {
    const { said, title } = await follow(/^prices: .* TTL/);
    assert.match(
      said,
      /\/prices\/:id: a TTL of 5 s brings a hit ratio of 0\.0 %; \d+ (?:s|min) would bring 6\d\.\d %/,
    );
    assert.equal(title, "Modules");
    await page.getByRole("row", { name: /^5 s 0\.0 % .* now$/ }).waitFor();
    await page.getByRole("row", { name: /^\d+ (?:s|min) 6\d\.\d % .* suggested$/ }).waitFor();
  });

  test("a tenant that fills the cache: who, by how much, and with what", async () => {
    const { said, title } = await follow(/^globex is at its bound/);
    assert.match(said, /its bound of 195\.3 KiB: \d+ of its entries made room/);
    assert.equal(title, "Tenants");
    await page
      .getByRole("region", { name: "Modules of globex" })
      .getByRole("link", { name: "files" })
      .waitFor();
  });

  test("a job that never invalidates: answers change, and nobody has said so", async () => {
    const { said, title } = await follow(/^rates: .* another writer/);
    assert.match(said, /\/rates\/:id: answers change without an invalidation/);
    assert.equal(title, "Modules");
    await page.getByText("unseen-writes").waitFor();
    await shoot("faults-module");
  });

  test.each(["-zadd", "-evalsha -eval", "resetkeys ~other:*"])(
    "a Redis user with too small rights (%s): what it may not, and the rule to write",
    async (rules) => {
      await admin.call("ACL", "SETUSER", "cache", ...rules.split(" "));
      for (let index = 0; cache.health().circuit === "closed" && index < 1000; index++)
        await ask(`/files/new-${index}`);
      const { said, title } = await follow(/^The store is away/);
      assert.match(said, /ACL: allow (?:\+zadd|\+eval \+evalsha|~\*)/);
      assert.equal(title, "Alerts");
      await page
        .getByRole("row", { name: /store away .*ACL: allow/ })
        .first()
        .waitFor();
      await admin.call("ACL", "SETUSER", "cache", "~*", "+@all");
      assert.equal(await cache.ready(WITHIN_MS), true);
    },
  );

  test("rights that only causes need: the log's line is on the overview", async () => {
    await admin.call("ACL", "SETUSER", "cache", "-xadd");
    await world.request("/rates", { method: "POST", tenant: "acme" });
    await page.goto(`${world.url}/ops/cache/`);
    await page.getByRole("listitem").filter({ hasText: "causes of invalidations are not kept" }).waitFor();
  });
});
