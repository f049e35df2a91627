// What the app's own functions return by mistake, and what is mounted without being called, is told once, with what was given.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, test } from "@jest/globals";
import type { ErrorRequestHandler, Express, Request, RequestHandler } from "express";
import {
  createTenantCache,
  type LaneIdentity,
  type TenantCache,
  type TenantCacheOptions,
} from "../../src/index.js";
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

describe("several processes on the in-process store", () => {
  const INDEX = new URL("../../src/index.js", import.meta.url).href;
  const SCRIPT = `const { createTenantCache } = await import(${JSON.stringify(INDEX)});
    const tell = (line) => console.log(line);
    await createTenantCache({ tenant: () => "a", logger: { info: tell, warn: tell, error: tell } }).close();`;

  /** What a process prints. */
  async function linesOf(args: readonly string[], env: NodeJS.ProcessEnv): Promise<string[]> {
    const child = spawn(process.execPath, args, { env });
    const chunks: Buffer[] = [];
    child.stdout.on("data", (chunk) => chunks.push(chunk));
    await once(child, "close");
    return Buffer.concat(chunks).toString().split("\n").filter(Boolean);
  }

  /** The lines of a process that makes a cache in this environment. */
  const linesIn = (env: NodeJS.ProcessEnv) =>
    linesOf(["--input-type=module", "--eval", SCRIPT], { PATH: process.env.PATH, ...env });

  for (const [name, env] of Object.entries({
    "PM2, by its instance": { NODE_APP_INSTANCE: "1" },
    "PM2, by its id": { pm_id: "0" },
    "PM2, the first of two": { NODE_APP_INSTANCE: "0", pm_id: "0", exec_mode: "fork_mode", instances: "2" },
    "a cluster's worker": { NODE_UNIQUE_ID: "1" },
  }))
    test(`${name}: told when the cache is made`, async () => {
      const lines = await linesIn(env);
      assert.equal(lines.length, 1, lines.join("\n"));
      assert.match(
        lines[0] ?? "",
        /this process is (instance \d of several \(PM2\)|one of a cluster's workers), .*give the cache a redis/,
      );
    });

  for (const [name, env] of Object.entries({
    "a process of its own": {},
    "the only one that PM2 runs": {
      NODE_APP_INSTANCE: "0",
      pm_id: "0",
      exec_mode: "fork_mode",
      instances: "1",
    },
  }))
    test(`${name} is not told`, async () => assert.deepEqual(await linesIn(env), []));

  test("a real cluster: each worker tells it once", async () => {
    const folder = await mkdtemp(path.join(tmpdir(), "cluster-"));
    const file = path.join(folder, "app.mjs");
    await writeFile(
      file,
      `import cluster from "node:cluster";
      if (cluster.isPrimary) for (let count = 0; count < 2; count++) cluster.fork();
      else {
        ${SCRIPT}
        cluster.worker.disconnect();
      }`,
    );
    const lines = await linesOf([file], process.env);
    await rm(folder, { recursive: true });
    assert.equal(lines.length, 2, lines.join("\n"));
    for (const line of lines) assert.match(line, /one of a cluster's workers/);
  });

  test("on Redis nobody need be told", () => {
    const lines: string[] = [];
    const before = process.env.NODE_APP_INSTANCE;
    process.env.NODE_APP_INSTANCE = "1";
    try {
      const logger = { ...quiet, warn: (line: string) => void lines.push(line) };
      const cache = createTenantCache({
        tenant: () => "a",
        logger,
        redis: { port: 6379, lazyConnect: true },
      });
      assert.deepEqual(lines, []);
      void cache.close();
    } finally {
      if (before === undefined) delete process.env.NODE_APP_INSTANCE;
      else process.env.NODE_APP_INSTANCE = before;
    }
  });
});
