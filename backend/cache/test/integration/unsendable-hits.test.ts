// What throws while a hit is sent fails no request: its handler answers, as if there had been no hit.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, jest, test } from "@jest/globals";
import express, { type ErrorRequestHandler, type Request, type Response } from "express";
import { afterTest } from "../../../servers/in-test.js";
import { exchange } from "../../../servers/raw-http.js";
import type { CacheListOptions, LaneOptions, Logger } from "../../src/index.js";
import { openCache } from "../support/caches.js";

const WAYS = ["cacheList", "the lane", "the lane with middleware"] as const;
type Way = (typeof WAYS)[number];
type Sabotage = (res: ServerResponse) => void;

interface Asked {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

interface Setting {
  readonly route?: CacheListOptions;
  readonly use?: LaneOptions["use"];
  readonly handler?: (req: Request, res: Response) => unknown;
  /** In front of the route, in the app. */
  readonly before?: express.RequestHandler;
}

async function open(way: Way, setting: Setting = {}) {
  const lines: string[] = [];
  const note = (line: string) => void lines.push(line);
  const logger: Logger = { info: note, warn: note, error: note };
  const cache = await openCache("memory", { logger });
  const state = { calls: 0, sabotage: undefined as Sabotage | undefined };
  const app = express();
  // Express prints what nobody has handled only outside of tests.
  app.set("env", "test");
  if (setting.before) app.use(setting.before);
  app.use((_req, res, next) => {
    res.setHeader("X-Earlier", "app");
    if (way === "cacheList") state.sabotage?.(res);
    next();
  });
  const answer = (_req: Request, res: Response) =>
    res.set("X-Handler", "yes").json({ calls: state.calls, filler: "x".repeat(3000) });
  app.get("/list", cache.cacheList("accounts", setting.route ?? 600), (req, res) => {
    state.calls++;
    (setting.handler ?? answer)(req, res);
  });
  const onError: ErrorRequestHandler = (error, _req, res, next) => {
    if (res.headersSent) next(error);
    else res.status(500).send("the app's error page");
  };
  app.use(onError);
  const sabotage = (_req: IncomingMessage, res: ServerResponse, next: () => void) => {
    res.setHeader("X-Earlier", "lane");
    state.sabotage?.(res);
    next();
  };
  const use = way === "the lane" ? [] : [sabotage, ...(setting.use ?? [])];
  const lane = cache.lane(app, { identify: () => ({ tenant: "tenant-1" }), use });
  const toApp: RequestListener = app;
  const server = createServer((req, res) => {
    // Where nothing runs in front of the lane, the server's own responses are what is wrong.
    if (way === "the lane") state.sabotage?.(res);
    (way === "cacheList" ? toApp : lane)(req, res);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  afterTest(async () => {
    server.closeAllConnections();
    server.close();
    await cache.close();
  });
  async function ask(headers: Record<string, string> = {}): Promise<Asked> {
    const response = await fetch(`http://127.0.0.1:${port}/list`, {
      headers: { "x-tenant": "tenant-1", ...headers },
    });
    return { status: response.status, headers: response.headers, body: await response.text() };
  }
  for (let time = 0; time < 2; time++) {
    await ask();
    await cache.idle();
  }
  assert.match(String((await ask()).headers.get("cache-status")), /; hit; /);
  await cache.idle();
  return { cache, state, ask, port, lines };
}

const isHit = (status: unknown) => /; hit; /.test(String(status));

/** As the package `on-headers` does, and what else wraps a response. */
const SABOTAGES: Record<string, Sabotage> = {
  "a listener for the head": (res) => {
    const { writeHead } = res;
    res.writeHead = ((...args: Parameters<typeof writeHead>) => {
      const flat = args.flat().join("\n");
      if (isHit(res.getHeader("Cache-Status")) || isHit(flat)) throw new Error("sabotage");
      return Reflect.apply(writeHead, res, args);
    }) as typeof writeHead;
  },
  "a wrapped end": (res) => {
    const { end } = res;
    res.end = ((...args: Parameters<typeof end>) => {
      if (isHit(res.getHeader("Cache-Status"))) throw new Error("sabotage");
      return Reflect.apply(end, res, args);
    }) as typeof end;
  },
  "a wrapped setHeader": (res) => {
    const { setHeader } = res;
    res.setHeader = (name, value) => {
      if (isHit(value)) throw new Error("sabotage");
      return Reflect.apply(setHeader, res, [name, value]);
    };
  },
};

/** As `fetch` asks, so that the lane knows it; the server ends the connection, or nobody does. */
const rawRequest = (port: number) =>
  `GET /list HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nX-Tenant: tenant-1\r\n\r\n`;
const isWhole = (received: string) => /error page|"calls"|\r\n0\r\n/.test(received);

describe("hits that cannot be sent", () => {
  for (const way of WAYS) {
    for (const [what, sabotage] of Object.entries(SABOTAGES)) {
      // Without anything in front of it the lane writes all of the head in one call.
      if (way === "the lane" && what !== "a listener for the head") continue;
      test(`${way}, ${what}: the handler answers, with nothing of the entry's`, async () => {
        const { state, ask, lines, cache } = await open(way);
        const { calls } = state;
        const { hits } = (await cache.stats()).totals;
        state.sabotage = sabotage;
        for (let time = 1; time <= 2; time++) {
          // A variant has been made: what is left of its head would spoil what the handler sends.
          const answer = await ask({ "accept-encoding": "br" });
          assert.equal(answer.status, 200);
          assert.equal(state.calls, calls + time);
          assert.equal(JSON.parse(answer.body).calls, calls + time);
          assert.equal(answer.headers.get("x-earlier"), "app");
          assert.equal(answer.headers.get("x-handler"), "yes");
          assert.equal(answer.headers.get("age"), null);
          assert.equal(answer.headers.get("content-encoding"), null);
          assert.equal(
            answer.headers.get("cache-status"),
            "express-tenant-cache; fwd=miss; detail=unsendable",
          );
        }
        assert.equal((await cache.stats()).totals.hits, hits);
        assert.equal(lines.filter((line) => /a hit could not be sent \(sabotage\)/.test(line)).length, 1);
        state.sabotage = undefined;
        assert.ok(isHit((await ask()).headers.get("cache-status")));
      });
    }

    test(`${way}: where its head has left, the connection ends`, async () => {
      const { state, port } = await open(way);
      state.sabotage = (res) => {
        res.end = () => {
          res.write("part");
          throw new Error("sabotage");
        };
      };
      assert.equal(isWhole(await exchange(port, rawRequest(port))), false);
    });

    test(`${way}: a listener of events that throws fails nothing, and is told once`, async () => {
      const { cache, state, ask, lines } = await open(way);
      const { calls } = state;
      for (const event of ["hit", "stored", "miss", "bypass", "alarm"] as const)
        cache.events.on(event, () => {
          throw new Error("deaf");
        });
      for (let time = 0; time < 3; time++) assert.ok(isHit((await ask()).headers.get("cache-status")));
      assert.equal(state.calls, calls);
      await cache.invalidateTenantCache("tenant-1", "accounts");
      assert.equal((await ask()).status, 200);
      await cache.idle();
      assert.ok(isHit((await ask()).headers.get("cache-status")));
      assert.equal(lines.filter((line) => /a listener of cache.events threw \(deaf\)/.test(line)).length, 1);
    });
  }

  test("the lane: middleware that rejects, or rejects with nothing, sends the request to the app", async () => {
    let problem: unknown;
    let isAsked = false;
    const use: LaneOptions["use"] = [
      async (_req, _res, next) => {
        if (isAsked) throw problem;
        next();
      },
    ];
    const { state, ask } = await open("the lane with middleware", { use });
    const { calls } = state;
    isAsked = true;
    for (problem of [new Error("rejected"), undefined, null]) {
      const answer = await ask();
      assert.ok(isHit(answer.headers.get("cache-status")), "cacheList answers");
      assert.equal(answer.headers.get("x-earlier"), "app");
    }
    assert.equal(state.calls, calls);
  });

  test("the lane: what middleware throws once it has called next is no second answer", async () => {
    let mode: "" | "throw" | "reject" = "";
    const use: LaneOptions["use"] = [
      (_req, _res, next) => {
        next();
        if (mode === "throw") throw new Error("late");
        return mode === "reject" ? Promise.reject(new Error("late")) : undefined;
      },
    ];
    const { ask } = await open("the lane with middleware", { use });
    for (mode of ["throw", "reject"] as const) {
      const answer = await ask();
      assert.ok(isHit(answer.headers.get("cache-status")));
      assert.equal(answer.headers.get("x-earlier"), "lane");
    }
  });

  test("the lane: an answer that middleware has begun is not answered again", async () => {
    let mode: "" | "answer" | "break off" = "";
    const use: LaneOptions["use"] = [
      (_req, res, next) => {
        if (mode === "") return next();
        res.writeHead(503);
        if (mode === "answer") res.end("busy");
        else res.write("part");
        next(mode === "answer" ? undefined : new Error("broken"));
      },
    ];
    const { ask, port, cache } = await open("the lane with middleware", { use });
    const { hits } = (await cache.stats()).totals;
    mode = "answer";
    const answer = await ask();
    assert.deepEqual([answer.status, answer.body], [503, "busy"]);
    mode = "break off";
    assert.equal(isWhole(await exchange(port, rawRequest(port))), false);
    assert.equal((await cache.stats()).totals.hits, hits);
  });

  test("cacheList: who is answered while the store is asked gets that answer, and no handler answers once more", async () => {
    let limit = false;
    const before: express.RequestHandler = (_req, res, next) => {
      next();
      // The store is asked now.
      if (limit) res.status(503).send("too slow");
    };
    const { ask, state } = await open("cacheList", { before });
    const { calls } = state;
    limit = true;
    const answer = await ask();
    assert.deepEqual([answer.status, answer.body], [503, "too slow"]);
    assert.equal(state.calls, calls);
  });

  test("staleIfError: where the old entry cannot be sent, the handler's failure is", async () => {
    let fails = false;
    const handler = (_req: Request, res: Response) => {
      if (fails) res.status(502).set("X-Failure", "its own").send("the handler's failure");
      else res.send("fine");
    };
    const route = { ttlSeconds: 60, staleIfError: 600 };
    const { ask, state } = await open("cacheList", { handler, route });
    fails = true;
    const { now } = Date;
    jest.spyOn(Date, "now").mockImplementation(() => now() + 61_000);
    assert.equal((await ask()).body, "fine");
    state.sabotage = (res) => {
      const { setHeader } = res;
      res.setHeader = (name, value) => {
        if (/stale-if-error/.test(String(value))) throw new Error("sabotage");
        return Reflect.apply(setHeader, res, [name, value]);
      };
    };
    const answer = await ask();
    assert.deepEqual([answer.status, answer.body], [502, "the handler's failure"]);
    assert.equal(answer.headers.get("x-failure"), "its own");
    assert.equal(answer.headers.get("age"), null);
  });

  test("staleWhileRevalidate: a request without an app is not refreshed, which is told, and the process lives on", async () => {
    let hasApp = true;
    const before: express.RequestHandler = (req, _res, next) => {
      if (!hasApp) Object.defineProperty(req, "app", { value: undefined });
      next();
    };
    const route = { ttlSeconds: 1, staleWhileRevalidate: 600 };
    const { ask, lines, cache } = await open("cacheList", { before, route });
    hasApp = false;
    const { now } = Date;
    jest.spyOn(Date, "now").mockImplementation(() => now() + 2000);
    assert.match(String((await ask()).headers.get("cache-status")), /hit; ttl=-/);
    await cache.idle();
    assert.equal(lines.filter((line) => /a background refresh failed/.test(line)).length, 1);
  });
});
