// Places of handlers (`fill.maxConcurrent`): a request needs one, however many caches it passes, and each is given back.
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { describe, test } from "@jest/globals";
import type { NextFunction, Request, Response } from "express";
import { closeAfterTest } from "../../../servers/in-test.js";
import { until } from "../../../servers/until.js";
import { createTenantCache, type RoutesOptions, type TenantCache } from "../../src/index.js";
import { openCache, quiet } from "../support/caches.js";
import { gate, serve } from "../support/http-app.js";

const PATIENT_MS = 60_000;
const WAIT_MS = 300;
const fill = { maxConcurrent: 1, waitMs: PATIENT_MS };
const NOBODY_LISTENS = "redis://127.0.0.1:1";

const answer = (_req: Request, res: Response) => void res.json({});
const goOn = (_req: Request, _res: Response, next: NextFunction) => next();

const STORES: readonly [name: string, open: () => Promise<TenantCache>][] = [
  ["with the store", () => openCache("memory", { fill })],
  [
    "with the store away",
    async () =>
      createTenantCache({
        fill,
        redis: NOBODY_LISTENS,
        logger: quiet,
        tenant: (req) => req.get("x-tenant"),
      }),
  ],
];

for (const [name, open] of STORES) {
  describe(`one place for all, ${name}: a request does not wait for itself`, () => {
    const MOUNTED: readonly [name: string, modules: () => readonly string[]][] = [
      ["two modules", () => ["accounts", "contacts"]],
      ["one module twice", () => ["accounts", "accounts"]],
    ];
    for (const [what, modules] of MOUNTED) {
      for (const method of ["GET", "HEAD"]) {
        test(`${method} through caches of ${what}`, async () => {
          const cache = await open();
          const app = await serve((express) => {
            const [first = "", second = ""] = modules();
            express.get("/list", cache.cacheList(first), (_req, _res, next) => next("route"));
            express.get("/list", cache.cacheList(second), goOn, answer);
          });
          closeAfterTest(cache, app);
          for (let n = 0; n < 3; n++)
            assert.equal((await app.request(`/list?n=${n}`, { method })).status, 200);
        });
      }
    }

    test("the place of a handler that throws, or hands over to nobody, is given back", async () => {
      const cache = await open();
      const app = await serve((express) => {
        express.get("/throws", cache.cacheList("accounts"), () => {
          throw new TypeError("broken");
        });
        express.get("/nobody", cache.cacheList("accounts"), goOn);
        express.use((_error: unknown, _req: Request, res: Response, _next: NextFunction) => {
          res.sendStatus(500);
        });
      });
      closeAfterTest(cache, app);
      for (let n = 0; n < 3; n++) {
        assert.equal((await app.request(`/throws?n=${n}`)).status, 500);
        assert.equal((await app.request(`/nobody?n=${n}`)).status, 404);
      }
    });
  });
}

describe("cache.routes", () => {
  /** Handlers that wait until they are told to go on. */
  async function open(options: RoutesOptions) {
    const cache = await openCache("memory", { fill: { waitMs: PATIENT_MS } });
    const { passed, open: goOn } = gate();
    const running: string[] = [];
    const app = await serve((express) => {
      express.use("/api", cache.routes(options), async (req, res) => {
        if (req.get("x-tenant")) {
          running.push(req.path);
          await passed;
        }
        res.json({});
      });
    });
    closeAfterTest(cache, app);
    const ask = async (path: string, tenant = "tenant-1") =>
      (await app.request(`/api${path}`, { tenant })).status;
    return { ask, goOn, running };
  }

  test("what is said of all modules bounds them together, and those with a bound of their own apart", async () => {
    const { ask, goOn, running } = await open({
      fill: { maxConcurrent: 1 },
      modules: { reports: { fill: { maxConcurrent: 1 } } },
    });
    const asked = ["/orders", "/contacts", "/reports/1", "/reports/2"].map((path) => ask(path));
    await until("two run", () => running.length === 2);
    await delay(50);
    assert.deepEqual(running.toSorted(), ["/orders", "/reports/1"]);
    goOn();
    for (const each of asked) assert.equal(await each, 200);
  });

  test("nobody gets round the bound by asking for paths that are none", async () => {
    const { ask, goOn, running } = await open({ fill: { maxConcurrent: 1 } });
    const first = ask("/orders");
    await until("it runs", () => running.length === 1);
    // More modules than are remembered. Without a tenant they bypass.
    for (let n = 0; n < 1100; n += 50)
      await Promise.all(Array.from({ length: 50 }, (_, index) => ask(`/m${n + index}`, "")));
    const second = ask("/orders?page=2");
    await delay(100);
    assert.deepEqual(running, ["/orders"]);
    goOn();
    assert.deepEqual(await Promise.all([first, second]), [200, 200]);
  });
});

/** A list whose handler is held up until `goOn`. */
async function serveHeld(cache: TenantCache, respond: (res: Response) => unknown) {
  const { passed, open: goOn } = gate();
  let [runs, leavers] = [0, 0];
  const app = await serve((express) => {
    express.use((_req, res, next) => {
      res.once("close", () => {
        if (!res.writableFinished) leavers++;
      });
      next();
    });
    express.get("/list", cache.cacheList("accounts"), async (_req, res) => {
      runs++;
      await passed;
      respond(res);
    });
  });
  closeAfterTest(cache, app);
  return {
    app,
    goOn,
    runs: () => runs,
    /** Clients that have gone without an answer. */ leavers: () => leavers,
  };
}

test("clients that have gone keep nobody from waiting for a place", async () => {
  const cache = await openCache("memory", {
    fill: { maxConcurrent: 1, maxWaiting: 2, waitMs: PATIENT_MS, retryAfterSeconds: 1 },
  });
  const { app, goOn, runs } = await serveHeld(cache, (res) => res.json({}));
  const first = app.request("/list?n=0");
  await until("it runs", () => runs() === 1);
  for (let n = 1; n <= 4; n++) {
    const left = new AbortController();
    const misses = async () => (await cache.stats()).totals.misses;
    const before = await misses();
    const gone = app.request(`/list?n=${n}`, { signal: left.signal });
    await until("it waits", async () => (await misses()) > before);
    left.abort();
    await assert.rejects(gone);
  }
  let last: Promise<{ readonly status: number }> | undefined;
  await until("one more may wait", async () => {
    last = app.request("/list?n=5");
    return await Promise.race([last.then(() => false), delay(100, true)]);
  });
  goOn();
  assert.equal((await first).status, 200);
  assert.equal((await last)?.status, 200);
  assert.equal(runs(), 2);
});

test("a handler that never answers keeps its place for as long as the option says, though its client stays", async () => {
  const cache = await openCache("memory", {
    fill: { maxConcurrent: 1, maxWaiting: 2, waitMs: PATIENT_MS, maxRunMs: 50 },
  });
  const { app, goOn, runs } = await serveHeld(cache, (res) => res.json({}));
  const asked = [app.request("/list?n=0"), app.request("/list?n=1"), app.request("/list?n=2")];
  await until("each of them has had the place", () => runs() === 3);
  goOn();
  for (const each of asked) assert.equal((await each).status, 200);
});

test("no handler runs for followers that have gone", async () => {
  const cache = await openCache("memory", { fill: { waitMs: PATIENT_MS } });
  const { app, goOn, runs, leavers } = await serveHeld(cache, (res) => res.cookie("mine", "1").json({}));
  const misses = async () => (await cache.stats()).totals.misses;
  const first = app.request("/list");
  await until("it runs", () => runs() === 1);
  const left = new AbortController();
  const gone = Array.from({ length: 5 }, () => app.request("/list", { signal: left.signal }));
  await until("they wait", async () => (await misses()) === 6);
  left.abort();
  for (const each of gone) await assert.rejects(each);
  await until("the server has seen them go", () => leavers() === 5);
  goOn();
  assert.equal((await first).status, 200);
  await delay(50);
  assert.equal(runs(), 1);
});

test("who has waited in vain does not wait once more", async () => {
  const cache = await openCache("memory", { fill: { maxConcurrent: 1, waitMs: WAIT_MS } });
  let isHeld = false;
  const app = await serve((express) => {
    express.get("/held", cache.cacheList("accounts"), () => {
      isHeld = true;
    });
    express.get("/list", cache.cacheList("accounts"), (_req, _res, next) => next("route"));
    express.get("/list", cache.cacheList("contacts"), answer);
  });
  closeAfterTest(cache, app);
  const left = new AbortController();
  const held = app.request("/held", { signal: left.signal }).catch(() => undefined);
  await until("the place is taken", () => isHeld);
  let asked = 0;
  // Who waits twice takes twice as long each time. Who waits once does not, now and then, on any machine.
  await until("a request that waits once", async () => {
    const begunMs = performance.now();
    assert.equal((await app.request(`/list?n=${++asked}`)).status, 200);
    const tookMs = performance.now() - begunMs;
    assert.ok(tookMs >= WAIT_MS - 10, `${tookMs} ms`);
    return tookMs < 2 * WAIT_MS;
  });
  left.abort();
  await held;
});
