// Five planted faults, each found from the console's overview, whose link leads to the cause; by a rule, on the board, and by the command line.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { Redis } from "ioredis";
import type { Browser, Page } from "playwright-core";
import { projectFile } from "../../../project-root.js";
import { openBrowser, PATIENT_MS } from "../../../servers/browser.js";
import { tell } from "../../../servers/in-test.js";
import { type RedisServer, startRedisServer } from "../../../servers/index.js";
import type { TenantCache } from "../../src/index.js";
import { openCache } from "../support/caches.js";
import { runHere } from "../support/command-line.js";
import { type FaultyApp, openFaultyApp } from "../support/faulty-app.js";
import { panelQuery, unlike } from "../support/monitored.js";

/** As long as an operator may look for one, from the overview on. */
const WITHIN_MS = 60_000;
const TENANTS = ["acme", "globex", "initech"];

/** How each is found without the console: as the table of the page says, which is read from there. */
const ELSEWHERE = {
  "a route without a tenant": {
    fires: '{warning="no-tenant", module="reports"}',
    shows: 'PANEL and on (module, warning) etc_route_warnings{module="reports", warning="no-tenant"}',
    told: /^no-tenant +\/reports: requests have no tenant/m,
  },
  "a TTL of 5 s": {
    fires: '{module="prices"}',
    shows: 'PANEL < 0.1 and on (module) count by (module) (etc_requests_total{module="prices"})',
    told: /^\/prices\/:id +prices +[\d,.]+ +5 s +0\.0 % +\d+ (?:s|min) +6\d\.\d %$/m,
  },
  "a tenant that fills the cache": {
    fires: '{tenant="globex"}',
    shows: 'PANEL and on (tenant) count by (tenant) (etc_tenant_requests_total{tenant="globex"})',
    told: /^globex is at its bound .*: \d+ of its entries made room$/m,
  },
  "a Redis user with too small rights": {
    fires: "",
    shows: "PANEL == 0",
    told: /^error +acl-(?:commands|keys) +user cache may not use/m,
  },
  "a job that never invalidates": {
    fires: '{warning="unseen-writes", module="rates"}',
    shows: 'PANEL and on (module, warning) etc_route_warnings{module="rates", warning="unseen-writes"}',
    told: /^unseen-writes +\/rates\/:id: answers change without an invalidation/m,
  },
} as const;

/** The row of the table, as people read it. */
function rowOf(fault: string): { readonly alert: string; readonly panel: string; readonly args: string[] } {
  const page = readFileSync(projectFile("docs", "operate", "finding-faults.md"), "utf8");
  const row = page
    .split("\n")
    .find((line) => line.startsWith(`| ${fault} |`) && line.includes("npx express-tenant-cache"));
  const [, alert = "", panel = "", args = ""] =
    /\[(Etc\w+)\]\(\S+\) \| \*([^*]+)\* \| `npx express-tenant-cache ([^`]+)`/.exec(row ?? "") ?? [];
  return { alert, panel, args: args.split(" ") };
}

describe("five planted faults", () => {
  let redis: RedisServer;
  let url: string;
  let admin: Redis;
  let cache: TenantCache;
  let world: FaultyApp;
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

  /** The rule fires, the panel of the board shows it, and the command line says it. */
  async function isFoundElsewhere(fault: keyof typeof ELSEWHERE): Promise<void> {
    const { fires, shows, told } = ELSEWHERE[fault];
    const { alert, panel, args } = rowOf(fault);
    const firing = `{alertname="${alert}", alertstate="firing"${fires.replace(/^\{/, ", ").replace(/\}$/, "")}}`;
    const problem = await unlike(await cache.metrics(), [
      [`count(ALERTS${firing})`, 1],
      [`count(${shows.replace("PANEL", `(${panelQuery(panel)})`)})`, 1],
    ]);
    assert.equal(problem, undefined);
    const env = { ETC_APP_URL: world.operationsUrl };
    const { stdout, stderr } = await runHere(args, args[0] === "doctor" ? { REDIS_CACHE_URL: url } : env);
    assert.match(stdout, told, stderr);
  }

  beforeAll(async () => {
    redis = await startRedisServer();
    admin = new Redis(redis.url);
    await admin.call("ACL", "SETUSER", "cache", "reset", "on", ">secret", "~*", "&*", "+@all");
    url = redis.url.replace("//", "//cache:secret@");
    cache = await openCache("redis", {
      redis: url,
      tenant: (req) => Reflect.get(req, "tenantId"),
      maxBytesPerTenant: 200_000,
    });
    world = await openFaultyApp(cache);
    browser = await openBrowser();
    const context = await browser.newContext({ viewport: { width: 1200, height: 800 } });
    context.setDefaultTimeout(PATIENT_MS);
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
    await isFoundElsewhere("a route without a tenant");
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
    await isFoundElsewhere("a TTL of 5 s");
  });

  test("a tenant that fills the cache: who, by how much, and with what", async () => {
    const { said, title } = await follow(/^globex is at its bound/);
    assert.match(said, /its bound of 195\.3 KiB: \d+ of its entries made room/);
    assert.equal(title, "Tenants");
    await page
      .getByRole("region", { name: "Modules of globex" })
      .getByRole("link", { name: "files" })
      .waitFor();
    await isFoundElsewhere("a tenant that fills the cache");
  });

  test("a job that never invalidates: answers change, and nobody has said so", async () => {
    const { said, title } = await follow(/^rates: .* another writer/);
    assert.match(said, /\/rates\/:id: answers change without an invalidation/);
    assert.equal(title, "Modules");
    await page.getByText("unseen-writes").waitFor();
    await shoot("faults-module");
    await isFoundElsewhere("a job that never invalidates");
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
      await isFoundElsewhere("a Redis user with too small rights");
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
