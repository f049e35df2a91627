// What the app's own functions return by mistake, and what is mounted without being called, is told once, with what was given.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, test } from "@jest/globals";
import type { ErrorRequestHandler, Express, Request, RequestHandler } from "express";
import type { LaneIdentity, TenantCache, TenantCacheOptions } from "../../src/index.js";
import { openCache, quiet } from "../support/caches.js";
import { serve } from "../support/http-app.js";

const items: RequestHandler = (_req, res) => void res.json([]);
/** The app's own error handling. */
const collect =
  (errors: unknown[]): ErrorRequestHandler =>
  (error, _req, res, _next) => {
    errors.push(error);
    res.sendStatus(500);
  };
const rejected = () => {
  throw new Error("no database");
};

async function withApp(
  options: Partial<TenantCacheOptions>,
  mount: (app: Express, cache: TenantCache) => void,
  work: (seen: (method: string, path: string) => Promise<string>, lines: string[]) => Promise<void>,
): Promise<void> {
  const lines: string[] = [];
  const tell = (line: string) => void lines.push(line);
  const cache = await openCache("memory", { logger: { ...quiet, warn: tell, error: tell }, ...options });
  const app = await serve((express) => mount(express, cache));
  await work(async (method, path) => {
    const { status, cache: said } = await app.request(path, { method });
    return said === "" ? String(status) : said;
  }, lines);
  await app.close();
  await cache.close();
}

/** What functions return, and how it is told. */
const TENANTS: readonly (readonly [returned: () => unknown, said: RegExp])[] = [
  [() => 4.2, /returned 4.2, a number: return a UUID or another id/],
  [() => -1, /returned -1, a number: return a UUID or another id/],
  [() => 2 ** 53, /returned 9007199254740992, a number: return a UUID or another id/],
  [() => "", /returned "", an empty string: /],
  [() => "crm:acme", /returned a string with ":" in it: a tenant id has letters/],
  [() => "a".repeat(200), /returned a string of 200 characters: /],
  [() => Promise.resolve("acme"), /returned a promise: it must answer at once: await it in middleware/],
  [async () => rejected(), /returned a promise: it must answer at once/],
  [() => ({ id: "acme" }), /returned an object: return its id/],
  [() => true, /returned true: return a UUID or another id/],
];

describe("the tenant option", () => {
  for (const [returned, said] of TENANTS)
    test(`${returned}: told once, and not as a question of order`, () =>
      withApp(
        { tenant: returned as TenantCacheOptions["tenant"] },
        (app, cache) => {
          app.get("/", cache.cacheList("accounts", 180), items);
          app.post("/", cache.invalidateCache("accounts"), items);
        },
        async (seen, lines) => {
          for (let time = 0; time < 25; time++) {
            const detail = said.source.includes("promise") ? "async-tenant" : "no-tenant";
            assert.equal(await seen("GET", "/"), `fwd=bypass; detail=${detail}`);
            assert.equal(await seen("POST", "/"), "200");
          }
          assert.equal(lines.length, 1, lines.join("\n"));
          assert.match(lines[0] ?? "", said);
          assert.match(
            lines[0] ?? "",
            /^express-tenant-cache: the tenant option returned .*; such requests bypass/,
          );
          assert.doesNotMatch(lines[0] ?? "", /crm:acme|aaaa/, "what somebody has sent is not repeated");
        },
      ));
});

describe("a scope function", () => {
  for (const [returned, said] of [
    [() => 42, /returned 42, a number: return a string, as in String\(42\)/],
    [() => "", /returned "", an empty string: return a role or a user/],
    [() => undefined, /returned undefined: return a role or a user/],
    [async () => rejected(), /returned a promise: it must answer at once/],
  ] as const)
    test(`${returned}: told once`, () =>
      withApp(
        {},
        (app, cache) => {
          const scope = returned as unknown as (req: Request) => string;
          app.get("/", cache.cacheList("accounts", { scope }), items);
        },
        async (seen, lines) => {
          for (let time = 0; time < 25; time++)
            assert.match(await seen("GET", "/"), /^fwd=bypass; detail=(?:async-)?scope$/);
          assert.equal(lines.length, 1, lines.join("\n"));
          assert.match(lines[0] ?? "", /the scope function of module accounts returned/);
          assert.match(lines[0] ?? "", said);
        },
      ));
});

describe("a tags function", () => {
  for (const [returned, said] of [
    [() => "account-1", /ETC_TAG: the tags function returned "account-1", a string: return an array/],
    [() => undefined, /ETC_TAG: the tags function returned undefined: return an array/],
    [
      async () => rejected(),
      /ETC_TAG: the tags function returned a promise: return an array of strings at once/,
    ],
    [() => [42], /ETC_TAG: the tag is 42, a number: write "account-42"/],
  ] as const)
    test(`${returned}: the request's error says so, before anything is changed`, async () => {
      const errors: unknown[] = [];
      let changes = 0;
      await withApp(
        {},
        (app, cache) => {
          const tags = returned as unknown as (req: Request) => string[];
          app.get("/", cache.cacheList("accounts", { tags }), items);
          app.post("/", cache.invalidateCache({ modules: ["accounts"], tags }), (_req, res) => {
            changes++;
            res.end();
          });
          app.use(collect(errors));
        },
        async (seen) => {
          assert.equal(await seen("GET", "/"), "500");
          assert.equal(await seen("POST", "/"), "500");
        },
      );
      assert.equal(changes, 0);
      assert.equal(errors.length, 2);
      for (const error of errors) assert.match(String(error), said);
    });
});

describe("the lane's identify", () => {
  for (const [returned, said] of [
    [async () => rejected(), /the lane's identify returned a promise: it must answer at once/],
    [() => "acme", /the lane's identify returned a string of 4 characters: return \{ tenant, scope/],
    [() => ({ tenant: 4.2 }), /the tenant of the lane's identify returned 4.2, a number: return a UUID/],
    [
      () => ({ tenant: "acme", scope: 42 }),
      /the scope of the lane's identify returned 42, a number: return a string/,
    ],
    [() => ({ tenant: "acme", principal: 42 }), /the principal of the lane's identify returned 42, a number/],
    [() => ({ tenant: "acme", tags: "session-1" }), /the tags of the lane's identify returned a string of 9/],
  ] as const)
    test(`${returned}: told once, and the app answers`, async () => {
      const lines: string[] = [];
      const cache = await openCache("memory", {
        logger: { ...quiet, warn: (line) => void lines.push(line) },
      });
      const app: RequestListener = (_req, res) => void res.end("from the app");
      const identify = returned as unknown as (req: IncomingMessage) => LaneIdentity | undefined;
      const server = createServer(cache.lane(app, { identify }));
      await once(server.listen(0, "127.0.0.1"), "listening");
      const { port } = server.address() as AddressInfo;
      for (let time = 0; time < 25; time++)
        assert.equal(await (await fetch(`http://127.0.0.1:${port}/`)).text(), "from the app");
      assert.equal(lines.length, 1, lines.join("\n"));
      assert.match(lines[0] ?? "", said);
      server.closeAllConnections();
      await once(server.close(), "close");
      await cache.close();
    });

  test("nobody, and an identity without a tenant, are no mistakes", async () => {
    const lines: string[] = [];
    const cache = await openCache("memory", { logger: { ...quiet, warn: (line) => void lines.push(line) } });
    for (const nobody of [undefined, null, { tenant: undefined }]) {
      const lane = cache.lane((_req, res) => void res.end(), { identify: () => nobody as never });
      const server = createServer(lane);
      await once(server.listen(0, "127.0.0.1"), "listening");
      await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
      server.closeAllConnections();
      await once(server.close(), "close");
    }
    assert.deepEqual(lines, []);
    await cache.close();
  });
});

describe("what Express would take for a way on", () => {
  for (const thrown of [undefined, null, "", "route", "router"])
    test(`${JSON.stringify(thrown)}, thrown by a function of a route: an error, before anything is changed`, async () => {
      const errors: unknown[] = [];
      let changes = 0;
      const throwing = (): never => {
        throw thrown;
      };
      await withApp(
        {},
        (app, cache) => {
          for (const name of ["scope", "query", "tags"])
            app.get(`/${name}`, cache.cacheList("accounts", { [name]: throwing }), items);
          app.post("/", cache.invalidateCache({ modules: ["accounts"], tags: throwing }), (_req, res) => {
            changes++;
            res.end();
          });
          app.use(collect(errors));
        },
        async (seen) => {
          for (const path of ["/scope", "/query", "/tags"])
            assert.equal(await seen("GET", path), "500", path);
          assert.equal(await seen("POST", "/"), "500");
        },
      );
      assert.equal(changes, 0);
      for (const error of errors) assert.match((error as Error).message, /was thrown$/);
    });
});

describe("what is mounted without being called", () => {
  for (const name of ["cacheList", "invalidateCache", "lane"] as const)
    test(`${name}: the error reaches the developer through Express, and the log once`, async () => {
      const errors: unknown[] = [];
      await withApp(
        {},
        (app, cache) => {
          app.all("/", cache[name] as unknown as RequestHandler, items);
          app.use(collect(errors));
        },
        async (seen, lines) => {
          for (let time = 0; time < 3; time++) assert.equal(await seen("GET", "/"), "500");
          assert.equal(lines.length, 1, lines.join("\n"));
          assert.match(
            lines[0] ?? "",
            new RegExp(`ETC_ARGUMENTS: ${name} was given a request, .*: write .*cache\\.${name}\\(`),
          );
          assert.equal(errors.length, 3);
          for (const error of errors) assert.ok(lines[0]?.includes((error as Error).message));
        },
      );
    });
});
