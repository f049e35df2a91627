// What the cache says of its decisions: events, diagnostics channels, Server-Timing; and what clients may ask for where they may.

import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { setClock } from "../../../servers/in-test.js";
import type { CacheEvent, DecisionName, TenantCache } from "../../src/index.js";
import { openCache } from "../support/caches.js";
import { type HttpApp, serve } from "../support/http-app.js";

const NAMES: DecisionName[] = ["hit", "miss", "stored", "bypass", "stale", "collapsed", "alarm"];

describe("decisions", () => {
  let cache: TenantCache;
  let app: HttpApp;
  let runs = 0;

  beforeAll(async () => {
    cache = await openCache("memory", { serverTiming: true });
    app = await serve((express) => {
      const run = (_req: unknown, res: { send(body: string): void }) => {
        runs++;
        res.send(`v${runs}`);
      };
      express.get("/list{/*rest}", cache.cacheList("accounts", 180), run);
      express.get("/obeying{/*rest}", cache.cacheList("accounts", { obeyRequest: true }), run);
    });
  });
  afterAll(async () => {
    await app.close();
    await cache.close();
  });

  test("each is an event, on the emitter and on its diagnostics channel", async () => {
    const emitted: string[] = [];
    const published: string[] = [];
    for (const name of NAMES)
      cache.events.on(name, (event) => emitted.push(`${name} ${event.module} ${event.detail ?? ""}`));
    const listeners = NAMES.map((name) => {
      const listener = (event: unknown) =>
        void published.push(`${name} ${(event as CacheEvent).module} ${(event as CacheEvent).detail ?? ""}`);
      subscribe(`express-tenant-cache:${name}`, listener);
      return () => unsubscribe(`express-tenant-cache:${name}`, listener);
    });
    await app.request("/list/events");
    await cache.idle();
    await app.request("/list/events");
    await app.request("/list/events", { tenant: "" });
    const expected = ["miss accounts ", "stored accounts ", "hit accounts ", "bypass accounts no-tenant"];
    assert.deepEqual(emitted, expected);
    assert.deepEqual(published, expected);
    for (const stop of listeners) stop();
    cache.events.removeAllListeners();
  });

  test("Server-Timing says what the cache did", async () => {
    const miss = await app.request("/list/timing");
    const hit = await app.request("/list/timing");
    assert.match(miss.headers.get("server-timing") ?? "", /^cache;desc=miss;dur=\d+\.\d$/);
    assert.match(hit.headers.get("server-timing") ?? "", /^cache;desc=hit;dur=\d+\.\d$/);
  });

  test("what clients ask for is ignored by default", async () => {
    await app.request("/list/ignored");
    for (const asked of ["no-cache", "no-store", "max-age=0", "only-if-cached"]) {
      const { cache: said } = await app.request("/list/ignored", { headers: { "cache-control": asked } });
      assert.equal(said, "hit", asked);
    }
  });

  test("and obeyed where the route says so", async () => {
    const ask = (asked: string, path = "/obeying/1", header = "cache-control") =>
      app.request(path, { headers: { [header]: asked } });
    const refused = await ask("only-if-cached");
    assert.equal(refused.status, 504);
    const { body } = await app.request("/obeying/1");
    assert.equal((await ask("only-if-cached")).body, body);
    assert.equal((await ask("max-age=100, min-fresh=100")).cache, "hit");
    assert.equal((await ask("no-store")).cache, "fwd=bypass; detail=request");
    assert.equal((await app.request("/obeying/1")).body, body, "no-store leaves the entry");
    // All in one millisecond: what is there is older than the request all the same.
    setClock(Date.now());
    for (const asked of ["no-cache", "min-fresh=1000", "max-age=0"]) {
      const before = runs;
      const answer = await ask(asked);
      assert.equal(answer.cache, "fwd=request; stored", asked);
      assert.equal(runs, before + 1, asked);
      assert.equal(
        (await app.request("/obeying/1")).body,
        answer.body,
        "the new answer has replaced the entry",
      );
    }
    assert.equal((await ask("no-cache", "/obeying/1", "pragma")).cache, "fwd=request; stored");
  });
});
