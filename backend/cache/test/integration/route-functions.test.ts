// What a route's own functions decide, in each store and through the lane: handler runs are counted. One that throws or returns nonsense fails no request.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import type { Request, Response } from "express";
import { afterTest } from "../../../servers/in-test.js";
import type { CacheListOptions } from "../../src/index.js";
import { openCache, quiet, STORES } from "../support/caches.js";
import { serve } from "../support/http-app.js";
import { ask, get, isHit } from "../support/lane-requests.js";
import { openLaneWorld } from "../support/lane-world.js";
import { type ListApp, openListApp } from "../support/list-app.js";

const ROUTES = {
  "/ttl": {
    ttlSeconds: (req: Request, res: Response) => (res.statusCode === 200 ? Number(req.query.ttl) : 0),
  },
  "/no-ttl": { ttlSeconds: () => undefined },
  "/skipped": { skip: (req: Request) => req.query.preview === "1" },
  "/by-body": {
    shouldStore: (_req: Request, answer: { body: Buffer; json(): unknown }) =>
      answer.body.length > 0 && (answer.json() as { partial?: boolean }).partial !== true,
  },
  "/ignoring": { ignoreParams: ["utm_*", "fbclid", "_"] },
  "/ignoring-known": { ignoreParams: ["utm_*"], params: ["q"] },
  "/varied-by": { varyBy: (req: Request) => ({ plan: req.get("x-plan") ?? "free" }) },
} satisfies Record<string, CacheListOptions>;

for (const store of STORES) {
  describe(`functions of a route (${store})`, () => {
    let list: ListApp;
    beforeAll(async () => {
      list = await openListApp(store, ROUTES);
    });
    afterAll(() => list.close());

    test("ttlSeconds is asked with the answer: whole seconds of what it says", async () => {
      list.handle((_req, res) => res.json(1));
      const miss = await list.request("/ttl?ttl=8799.9");
      assert.equal(miss.cache, "fwd=miss; stored");
      const hit = await list.request("/ttl?ttl=8799.9");
      assert.match(hit.headers.get("cache-status") ?? "", /hit; ttl=8[0-7]\d\d$/);
      assert.equal(list.runs, 1);
      for (const ttl of ["0", "0.5", "-1"])
        for (let round = 0; round < 2; round++)
          assert.equal((await list.request(`/ttl?ttl=${ttl}`)).cache, "fwd=miss; detail=ttl-zero", ttl);
      assert.equal(list.runs, 7);
      assert.equal((await list.request("/no-ttl")).cache, "fwd=miss; detail=ttl-zero");
    });

    test("what the handler says lowers it still, and none of it goes to the client", async () => {
      list.handle((_req, res) => res.set("Cache-Control", "max-age=8799").json(1));
      await list.request("/ttl?ttl=10000&lowered");
      const hit = await list.request("/ttl?ttl=10000&lowered");
      // What is left of it, however long it took to ask again.
      assert.match(hit.headers.get("cache-status") ?? "", /hit; ttl=8[0-7]\d\d$/);
      assert.equal(hit.headers.get("cache-control"), "max-age=8799");
    });

    test("skip bypasses, and its answers are not stored", async () => {
      list.handle((_req, res) => res.json(1));
      for (let round = 0; round < 2; round++)
        assert.equal((await list.request("/skipped?preview=1")).cache, "fwd=bypass; detail=skipped");
      assert.equal((await list.request("/skipped")).cache, "fwd=miss; stored");
      assert.equal((await list.request("/skipped")).cache, "hit");
      assert.equal(list.runs, 3);
    });

    test("shouldStore sees status, headers and body, also of an answer in parts", async () => {
      list.handle((req, res) => res.json({ partial: req.query.partial === "1" }));
      for (let round = 0; round < 2; round++)
        assert.equal((await list.request("/by-body?partial=1")).cache, "fwd=miss; detail=should-store");
      assert.equal((await list.request("/by-body")).cache, "fwd=miss; stored");
      assert.equal((await list.request("/by-body")).cache, "hit");
      assert.equal(list.runs, 3);
      list.handle((req, res) => {
        res.type("json").write('{"partial":');
        res.end(req.query.partial === "1" ? "true}" : "false}");
      });
      for (const [query, then] of [
        ["partial=1&parts", "fwd=miss; detail=streamed"],
        ["parts", "hit"],
      ]) {
        assert.equal((await list.request(`/by-body?${query}`)).cache, "fwd=miss; detail=streamed");
        await list.cache.idle();
        assert.equal((await list.request(`/by-body?${query}`)).cache, then);
      }
    });

    test("parameters that are ignored make no key of their own, and others do", async () => {
      list.handle((req, res) => res.json(req.query.q ?? ""));
      await list.request("/ignoring?q=1");
      for (const query of ["q=1&utm_source=a", "utm_medium=b&q=1&fbclid=c", "_=17&q=1", "q=1&utm_%73ource=x"])
        assert.equal((await list.request(`/ignoring?${query}`)).cache, "hit", query);
      assert.equal(list.runs, 1);
      for (const query of ["q=1&fbclid2=c", "q=1&fbclid[]=c", "q=2&_=17", "q=1&utm=a"])
        assert.equal((await list.request(`/ignoring?${query}`)).cache, "fwd=miss; stored", query);
      await list.request("/ignoring-known?q=1");
      assert.equal((await list.request("/ignoring-known?q=1&utm_id=7")).cache, "hit");
      assert.equal((await list.request("/ignoring-known?q=1&r=7")).cache, "fwd=bypass; detail=params");
    });

    test("what varyBy returns is part of the key", async () => {
      list.handle((req, res) => res.json(req.get("x-plan") ?? "free"));
      for (const plan of ["free", "paid"]) {
        const headers = { "x-plan": plan };
        assert.equal((await list.request("/varied-by", { headers })).cache, "fwd=miss; stored");
        const hit = await list.request("/varied-by", { headers });
        assert.deepEqual([hit.cache, JSON.parse(hit.body)], ["hit", plan]);
      }
      assert.equal((await list.request("/varied-by")).cache, "hit");
      assert.equal(list.runs, 2);
    });
  });
}

/** By option: what a function does, and what is said then of every request. */
const throwing = (): never => {
  throw new Error("no such member");
};
const WRONG: readonly (readonly [name: string, options: object, status: string, said: RegExp])[] = [
  ["skip", { skip: throwing }, "fwd=bypass; detail=skipped", /the skip function of module a threw/],
  ["skip", { skip: async () => false }, "fwd=bypass; detail=skipped", /skip .* returned a promise: it must/],
  ["varyBy", { varyBy: throwing }, "fwd=bypass; detail=vary-by", /the varyBy function of module a threw/],
  ["varyBy", { varyBy: () => "de" }, "fwd=bypass; detail=vary-by", /returned a string .*: return an object/],
  ["varyBy", { varyBy: () => undefined }, "fwd=bypass; detail=vary-by", /returned undefined: return an/],
  [
    "varyBy",
    { varyBy: () => ({ a: new Map() }) },
    "fwd=bypass; detail=vary-by",
    /returned an object: return/,
  ],
  [
    "ttlSeconds",
    { ttlSeconds: throwing },
    "fwd=miss; detail=ttl-zero",
    /the ttlSeconds function of module a/,
  ],
  [
    "ttlSeconds",
    { ttlSeconds: () => "60" },
    "fwd=miss; detail=ttl-zero",
    /returned a string .*: return seconds/,
  ],
  [
    "ttlSeconds",
    { ttlSeconds: () => Number.NaN },
    "fwd=miss; detail=ttl-zero",
    /returned NaN: return seconds/,
  ],
  ["ttlSeconds", { ttlSeconds: () => 1e9 }, "fwd=miss; detail=ttl-zero", /at most 2592000 \(30 days\)/],
  ["shouldStore", { shouldStore: throwing }, "fwd=miss; detail=should-store", /the shouldStore function of/],
  ["shouldStore", { shouldStore: async () => true }, "fwd=miss; detail=should-store", /returned a promise/],
  [
    "tags",
    { tags: (_: unknown, __: unknown) => throwing() },
    "fwd=miss; detail=tags",
    /the tags function of/,
  ],
  [
    "tags",
    { tags: (_: unknown, __: unknown) => "a" },
    "fwd=miss; detail=tags",
    /returned a string of 1 char/,
  ],
  [
    "tags",
    { tags: (_: unknown, __: unknown) => ["a:b"] },
    "fwd=miss; detail=tags",
    /a string with ":" in it/,
  ],
  [
    "tags",
    { tags: (_: unknown, { json }: { json(): unknown }) => json() as string[] },
    "fwd=miss; detail=tags",
    /the tags function of module a returned 1, a number: return at most 256 tags/,
  ],
  [
    "tags",
    { tags: (_: unknown, __: unknown) => Array.from({ length: 257 }, (_, index) => `tag-${index}`) },
    "fwd=miss; detail=tags",
    /at most 256 tags/,
  ],
];

describe("a function that throws or returns nonsense", () => {
  for (const [name, options, status, said] of WRONG)
    test(`${name}: ${Object.values(options)}`, async () => {
      const lines: string[] = [];
      const tell = (line: string) => void lines.push(line);
      const cache = await openCache("memory", { logger: { ...quiet, warn: tell, error: tell } });
      let runs = 0;
      const app = await serve((express) =>
        express.get("/", cache.cacheList("a", options as CacheListOptions), (_req, res) => {
          res.send(String(++runs));
        }),
      );
      afterTest(async () => {
        await app.close();
        await cache.close();
      });
      for (let round = 1; round <= 3; round++) {
        const answer = await app.request("/");
        assert.deepEqual([answer.status, answer.body, answer.cache], [200, String(round), status]);
      }
      assert.equal(lines.length, 1, lines.join("\n"));
      assert.match(lines[0] ?? "", said);
    });
});

describe("the lane", () => {
  test("leaves what skip or varyBy decide to the app, and answers what the others decide", async () => {
    let plan = "free";
    let skips = false;
    const world = await openLaneWorld({
      store: "memory",
      lane: {},
      routes: {
        "/varied-by": { varyBy: () => ({ plan }) },
        "/skipping": { skip: () => skips },
        "/ignoring": { ignoreParams: ["utm_*"], ttlSeconds: () => 60, shouldStore: () => true },
      },
    });
    afterTest(() => world.close());
    for (const target of ["/varied-by", "/skipping", "/ignoring?utm_id=1"])
      for (let round = 0; round < 2; round++) await ask(world, get(target));
    let before = world.dispatched();
    assert.ok(isHit(await ask(world, get("/ignoring?utm_id=1"))));
    assert.equal(world.dispatched(), before, "the lane has answered");
    plan = "paid";
    skips = true;
    before = world.dispatched();
    assert.ok(!isHit(await ask(world, get("/varied-by"))));
    assert.ok(!isHit(await ask(world, get("/skipping"))));
    assert.equal(world.dispatched(), before + 2);
  });
});
