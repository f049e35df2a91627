// Waiting for another request's handler: not for itself, not for a client that has gone, and not beyond what middleware in front allows.
import assert from "node:assert/strict";
import { once } from "node:events";
import { Agent, get, type IncomingMessage } from "node:http";
import { connect } from "node:net";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { test } from "@jest/globals";
import type { ErrorRequestHandler, Response } from "express";
import { afterTest } from "../../../servers/in-test.js";
import { createTenantCache } from "../../src/index.js";
import { openCache, PATIENT, quiet, READY_WITHIN_MS, STORES } from "../support/caches.js";
import { gate, serve } from "../support/http-app.js";
import { askPlainly } from "../support/plain-request.js";
import { SlowStore } from "../support/slow-engine.js";

/** Nobody waits so long unless the test means it. */
const LONG_MS = 60_000;

for (const store of STORES) {
  test(`a request that meets the same cacheList twice does not wait for itself, with the ${store} store`, async () => {
    const cache = await openCache(store, { fill: { waitMs: LONG_MS } });
    let runs = 0;
    const app = await serve((express) => {
      express.use(cache.cacheList("items"));
      express.get("/list", cache.cacheList("items"), (_req, res) => {
        runs++;
        res.json([]);
      });
    });
    afterTest(async () => {
      await app.close();
      await cache.close();
    });
    for (const expected of ["fwd=miss; stored", "hit"]) {
      assert.equal((await askPlainly(`${app.url}/list`)).cache, expected);
      await cache.idle();
    }
    assert.equal(runs, 1);
  });
}

test("nobody waits for a client that has gone before its handler began", async () => {
  const cache = await openCache("memory", { fill: { waitMs: LONG_MS } });
  const arrived = gate();
  const gone = gate();
  const began = gate();
  let runs = 0;
  const app = await serve((express) => {
    express.get(
      "/list",
      async (_req, res, next) => {
        if (runs > 0) return next();
        arrived.open();
        await once(res, "close");
        next();
        gone.open();
      },
      cache.cacheList("items"),
      (_req, res) => {
        runs++;
        began.open();
        // The first is never read on: its client takes nothing.
        if (runs === 1) new Readable({ read: () => undefined }).pipe(res);
        else res.send("mine");
      },
    );
  });
  afterTest(async () => {
    await app.close();
    await cache.close();
  });
  const { port } = new URL(app.url);
  const socket = connect(Number(port), "127.0.0.1");
  socket.write("GET /list HTTP/1.1\r\nHost: x\r\nx-tenant: tenant-1\r\n\r\n");
  await arrived.passed;
  socket.destroy();
  await gone.passed;
  await began.passed;
  const second = await askPlainly(`${app.url}/list`);
  assert.deepEqual([second.body, second.cache, runs], ["mine", "fwd=miss; stored", 2]);
});

for (const [name, front] of Object.entries({
  "has answered": (res: Response) => res.status(503).end("took too long"),
  "has sent the head": (res: Response) => res.flushHeaders(),
})) {
  test(`where middleware in front ${name}, the entry that was waited for is not put behind it`, async () => {
    const cache = await openCache("memory", { fill: { waitMs: LONG_MS } });
    const isHeld = gate();
    const late = gate<Response>();
    const errors: unknown[] = [];
    let runs = 0;
    const app = await serve((express) => {
      express.use((req, res, next) => {
        if (req.get("x-late")) late.open(res);
        next();
      });
      express.get("/list", cache.cacheList("items"), async (_req, res) => {
        if (++runs === 1) await isHeld.passed;
        res.end(`run ${runs}`);
      });
      express.use(((error, _req, _res, next) => {
        errors.push(error);
        next(error);
      }) satisfies ErrorRequestHandler);
    });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    afterTest(async () => {
      agent.destroy();
      await app.close();
      await cache.close();
    });
    const leader = askPlainly(`${app.url}/list`);
    const ask = (headers: Record<string, string>) =>
      new Promise<IncomingMessage>((resolve, reject) => {
        const sent = get(
          `${app.url}/list`,
          { agent, headers: { "x-tenant": "tenant-1", ...headers } },
          resolve,
        );
        sent.on("error", reject);
      });
    const follower = ask({ "x-late": "yes" });
    const res = await late.passed;
    while ((await cache.stats()).totals.misses < 2) await new Promise(setImmediate);
    front(res);
    isHeld.open();
    assert.equal((await leader).cache, "fwd=miss; stored");
    const answer = await follower;
    assert.equal(await text(answer), name === "has answered" ? "took too long" : "run 2");
    // On the same connection: nothing has ended it.
    const next = await ask({});
    assert.deepEqual([next.statusCode, await text(next)], [200, "run 1"]);
    assert.deepEqual(errors, []);
  });
}

test("a request that a time limit answers while the store is asked has nobody wait for its handler", async () => {
  const store = new SlowStore({ maxBytes: 1024 * 1024, maxTenantBytes: 1024 * 1024 });
  const cache = createTenantCache({
    ...PATIENT,
    store: () => store,
    tenant: () => "tenant-1",
    fill: { waitMs: LONG_MS },
    logger: quiet,
  });
  assert.ok(await cache.ready(READY_WITHIN_MS));
  const held = gate();
  store.held = held.passed;
  const limited = gate<Response>();
  let requests = 0;
  const app = await serve((express) => {
    express.get(
      "/list",
      (_req, res, next) => {
        if (requests++ === 0) limited.open(res);
        next();
      },
      cache.cacheList("items"),
      (_req, res) => void res.json([]),
    );
  });
  afterTest(async () => {
    await app.close();
    await cache.close();
  });
  const first = askPlainly(`${app.url}/list`);
  const res = await limited.passed;
  while (store.begun === 0) await new Promise(setImmediate);
  res.status(503).end();
  assert.equal((await first).status, 503);
  held.open();
  store.held = undefined;
  // Else this one waits for a handler that never began, until the lease has run out.
  assert.equal((await askPlainly(`${app.url}/list`)).cache, "fwd=miss; stored");
  assert.equal(store.abandoned, 1, "the lease of the first one was not released");
});
