// The console and who may see it: authorize, other tenants, forged forms, methods, paths behind proxies.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import express from "express";
import { closeAfterTest } from "../../../servers/in-test.js";
import type { ConsoleDecision, ConsoleOptions, TenantCache } from "../../src/index.js";
import { consoleWorld, type OpenedConsole, openConsole, PAGES } from "../support/console-world.js";
import { serve } from "../support/http-app.js";

describe("who may see the console", () => {
  let cache: TenantCache;
  let world: OpenedConsole;

  beforeAll(async () => {
    world = await openConsole();
    ({ cache } = world);
  });
  afterAll(() => world.close());

  test("it does not begin without authorize, and says what to write", () => {
    for (const options of [{}, { authorize: undefined }, { authorize: true }, undefined])
      assert.throws(() => cache.console(options as unknown as ConsoleOptions), {
        code: options ? "ETC_CONSOLE_AUTHORIZE" : "ETC_OPTIONS",
      });
    assert.throws(() => cache.console({ authorize: () => false, auth: true } as ConsoleOptions), {
      code: "ETC_OPTIONS",
    });
    assert.throws(() => cache.console({ authorize: () => false, monitor: {} } as unknown as ConsoleOptions), {
      code: "ETC_OPTIONS",
    });
  });

  test.each<[string, unknown, number]>([
    ["false", false, 403],
    ["nothing", undefined, 403],
    ["no view", { view: false, tenants: "all" }, 403],
    ["a login", { redirect: "/login" }, 303],
    ["a promise of false", Promise.resolve(false), 403],
    ["true alone", true, 500],
    ["a typing mistake", { view: true, tenants: "All" }, 500],
    ["no tenants", { view: true }, 500],
    ["a tenant that is none", { view: true, tenants: ["*"] }, 500],
    ["more than is known", { view: true, tenants: "all", purges: true }, 500],
    ["a promise that rejects", () => Promise.reject(new Error("away")), 500],
  ])("authorize returns %s: nothing is shown", async (_name, returned, status) => {
    const authorize = () => (typeof returned === "function" ? returned() : returned) as ConsoleDecision;
    const closed = await consoleWorld(cache, { authorize });
    closeAfterTest(closed);
    for (const page of [...PAGES, "figures", "tail-events", "console.js", "nothing"]) {
      const answer = await closed.get("superadmin", page);
      // Where to log in is for pages: a script is told that it may not.
      const expected = status === 303 && !PAGES.includes(page) ? 401 : status;
      assert.equal(answer.status, expected, page);
      assert.doesNotMatch(answer.body, /<nav|hitRatio|EventSource/, page);
      if (answer.status === 303) assert.equal(answer.headers.get("location"), "/login");
    }
  });

  test("every answer is no-store, has a strict policy in place of helmet's, and lets forms say their origin", async () => {
    for (const page of [...PAGES, "figures", "nothing"]) {
      const { headers } = await world.get("superadmin", page);
      assert.equal(headers.get("cache-control"), "no-store", page);
      const policy = headers.get("content-security-policy") ?? "";
      assert.match(policy, /default-src 'none'; script-src 'self'; style-src 'self';/, page);
      assert.doesNotMatch(policy, /unsafe|https?:|\*/, page);
      assert.equal(headers.get("referrer-policy"), "same-origin", page);
    }
  });

  test("neither GET nor an unknown method changes anything, and a page that changes nothing takes no POST", async () => {
    for (const method of ["PUT", "DELETE", "PATCH", "OPTIONS"])
      assert.equal(
        (await world.request("/ops/cache/purge", { method, headers: { "x-person": "superadmin" } })).status,
        405,
        method,
      );
    const modules = await world.request("/ops/cache/modules", {
      method: "POST",
      headers: { "x-person": "superadmin" },
    });
    assert.equal(modules.status, 405);
    assert.equal(modules.headers.get("allow"), "GET, HEAD");
    const before = (await cache.stats()).totals.invalidations;
    await world.get("superadmin", "purge?scope=everything&reason=because&plan=x&token=y");
    assert.equal((await cache.stats()).totals.invalidations, before);
    const head = await world.request("/ops/cache/modules", {
      method: "HEAD",
      headers: { "x-person": "superadmin" },
    });
    assert.deepEqual([head.status, head.body], [200, ""]);
  });

  describe("forged forms", () => {
    const fields = { scope: "tenant", tenant: "acme", reason: "because" };

    test("another origin, none, and a null one are refused; the own one is not", async () => {
      const { token, send } = await world.browser("admin", "purge");
      const post = (headers: Record<string, string>, more: Record<string, string> = {}) =>
        send({ token, ...fields, ...more }, { origin: undefined, ...headers });
      assert.equal((await post({ origin: world.url })).status, 200);
      assert.equal((await post({ "sec-fetch-site": "same-origin" })).status, 200);
      for (const headers of [
        {},
        { origin: "null" },
        { origin: "https://evil.example" },
        { origin: `${world.url}.evil.example` },
        { origin: world.url, "sec-fetch-site": "cross-site" },
        { origin: world.url, "sec-fetch-site": "same-site" },
        { origin: world.url, "sec-fetch-site": "none" },
      ] as Record<string, string>[])
        assert.equal((await post(headers)).status, 403, JSON.stringify(headers));
      const own = { origin: world.url };
      assert.equal((await post(own, { token: "" })).status, 403);
      assert.equal((await post(own, { token: `${token}A` })).status, 403);
      assert.equal((await post({ ...own, cookie: "" })).status, 403);
      assert.equal((await post({ ...own, cookie: `etc-console=${"A".repeat(43)}` })).status, 403);
    });

    test("a token of one person is no other's, and is no plan", async () => {
      const { token, send: sendForm } = await world.browser("admin", "purge");
      const send = (person: string, more: Record<string, string> = {}) =>
        sendForm({ token, ...fields, ...more }, { "x-person": person });
      assert.equal((await send("superadmin")).status, 403);
      assert.equal((await send("admin", { plan: token, at: String(Date.now()) })).status, 409);
    });

    test("what is no form, or too large, is refused; a parser in front may have read it", async () => {
      const { token, send: sendForm } = await world.browser("admin", "purge");
      const send = (body: string, type: string) => sendForm(body, { "content-type": type });
      assert.equal((await send(JSON.stringify({ token, ...fields }), "application/json")).status, 415);
      const large = new URLSearchParams({ token, ...fields, url: "x".repeat(9000) }).toString();
      assert.equal((await send(large, "application/x-www-form-urlencoded")).status, 413);
      for (const parser of [express.urlencoded({ extended: true }), express.text({ type: "*/*" })]) {
        const parsing = await consoleWorld(cache, { more: (app) => app.use(parser) });
        closeAfterTest(parsing);
        assert.equal((await parsing.post("admin", "purge", fields)).status, 200);
      }
    });

    test("the cookie is the browser's alone", async () => {
      const cookie = (await world.get("admin", "")).headers.get("set-cookie") ?? "";
      assert.match(cookie, /^etc-console=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict$/);
      const secure = await world.get("admin", "", { "x-forwarded-proto": "https" });
      assert.match(
        secure.headers.get("set-cookie") ?? "",
        /^__Host-etc-console=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Secure$/,
      );
      const again = await world.get("admin", "", { cookie: cookie.split(";")[0] ?? "" });
      assert.equal(again.headers.get("set-cookie"), null);
    });
  });

  describe("where it is", () => {
    test("without the slash at its end it is not a page: relative links would lead beside it", async () => {
      const to = async (path: string, headers: Record<string, string> = {}) => {
        const answer = await world.request(path, { headers: { "x-person": "superadmin", ...headers } });
        return answer.status === 303 ? answer.headers.get("location") : answer.status;
      };
      assert.equal(await to("/ops/cache"), "/ops/cache/");
      assert.equal(await to("/ops/cache?a=1"), "/ops/cache/?a=1");
      assert.equal(await to("/ops/cache/"), 200);
      assert.equal(await to("//ops/cache"), 404);
      assert.equal(await to("/ops/cache", { "x-forwarded-prefix": "/crm" }), "/crm/ops/cache/");
      for (const prefix of ["//evil.example", "https://evil.example", "/a/../b?", "/a\\b"])
        assert.equal(await to("/ops/cache", { "x-forwarded-prefix": prefix }), "/ops/cache/", prefix);
    });

    test("no page names its own path: links, forms and assets are relative, and on one level", async () => {
      for (const page of PAGES) {
        const { body } = await world.get("superadmin", page);
        const targets = [...body.matchAll(/(?:href|src|action)="([^"]*)"/g)].map(([, target = ""]) => target);
        assert.ok(targets.length > 8, page);
        for (const target of targets) assert.match(target, /^(?:\.\/|#main|[a-z][\w.-]*(?:\?[^/]*)?)$/, page);
      }
    });

    test("a proxy that strips the path, at the root of an app", async () => {
      const stripped = await serve((app) => {
        app.use(cache.console({ authorize: () => ({ view: true, tenants: "all" }) }));
      });
      closeAfterTest(stripped);
      const answer = await stripped.request("/");
      assert.equal(answer.status, 200);
      assert.match(answer.body, /<h1>Overview<\/h1>/);
      assert.equal((await stripped.request("/modules")).status, 200);
    });
  });
});
