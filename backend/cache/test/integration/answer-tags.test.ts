// Tags that an answer names: what invalidates one of them reaches the entry, also while its handler is still running, and in every process.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { afterTest } from "../../../servers/in-test.js";
import { until } from "../../../servers/until.js";
import type { CacheListOptions, HandlerAnswer, TenantCache } from "../../src/index.js";
import { openCache, STORES } from "../support/caches.js";
import { gate, type HttpApp, serve } from "../support/http-app.js";
import { ask, get, isHit } from "../support/lane-requests.js";
import { openLaneWorld } from "../support/lane-world.js";

interface Item {
  readonly id: string;
}

const itemsOf = (answer: HandlerAnswer) => (answer.json() as { items: Item[] }).items;
const TAGGED: CacheListOptions = { tags: (_req, answer) => itemsOf(answer).map(({ id }) => `item-${id}`) };

/** Lists of `?ids=1,2`, each tagged with what is in it. */
interface Lists extends HttpApp {
  readonly runs: number;
  version: number;
  /** What the handler waits for when it has read its data. */
  hold: Promise<void> | undefined;
}

async function openLists(cache: TenantCache, options: CacheListOptions = TAGGED): Promise<Lists> {
  const lists = { runs: 0, version: 1, hold: undefined as Promise<void> | undefined };
  const app = await serve((express) => {
    express.get("/items", cache.cacheList("items", options), async (req, res) => {
      lists.runs++;
      const { version } = lists;
      await lists.hold;
      const ids = String(req.query.ids ?? "")
        .split(",")
        .filter(Boolean);
      res.json({ version, items: ids.map((id) => ({ id })), filler: "x".repeat(2000) });
    });
    express.put(
      "/items/:id",
      cache.invalidateCache({ tags: (req) => [`item-${req.params.id}`] }),
      (_req, res) => {
        lists.version++;
        res.sendStatus(204);
      },
    );
  });
  return Object.assign(lists, app);
}

const versionOf = ({ body }: { body: string }) => (JSON.parse(body) as { version: number }).version;

for (const store of STORES) {
  describe(`tags of the answer (${store})`, () => {
    let cache: TenantCache;
    let lists: Lists;
    beforeAll(async () => {
      cache = await openCache(store);
      lists = await openLists(cache);
    });
    afterAll(async () => {
      await lists.close();
      await cache.close();
    });
    const stored = async (path: string, tenant = "tenant-1") => {
      const answer = await lists.request(path, { tenant });
      await cache.idle();
      return answer;
    };
    const change = (id: string, tenant = "tenant-1") =>
      lists.request(`/items/${id}`, { method: "PUT", tenant });

    test("what a tag was invalidated for is gone, and what does not carry it is still there", async () => {
      for (const ids of ["1,2", "3", ""]) await stored(`/items?ids=${ids}`);
      await stored("/items?ids=1", "tenant-2");
      await change("2");
      const { runs } = lists;
      const changed = await stored("/items?ids=1,2");
      assert.deepEqual([changed.cache, versionOf(changed)], ["fwd=miss; stored", lists.version]);
      for (let round = 0; round < 2; round++) {
        for (const ids of ["3", "", "1,2"])
          assert.equal((await lists.request(`/items?ids=${ids}`)).cache, "hit", `${ids} ${round}`);
        assert.equal((await lists.request("/items?ids=1", { tenant: "tenant-2" })).cache, "hit");
      }
      assert.equal(lists.runs, runs + 1);
    });

    test("a tag is invalidated while the handler that will name it runs: nothing old is left", async () => {
      for (const ids of ["known", "new"]) {
        // The fence of the first has been there before.
        if (ids === "known") await change(ids);
        const { passed, open } = gate();
        lists.hold = passed;
        const { runs } = lists;
        const under = lists.request(`/items?ids=${ids}`);
        await until("the handler runs", () => lists.runs > runs);
        await change(ids);
        // It comes after the change was acknowledged, and may not be given what that handler has read.
        const after = lists.request(`/items?ids=${ids}`);
        await until("the handler runs", () => lists.runs > runs + 1);
        open();
        lists.hold = undefined;
        assert.equal(versionOf(await under), lists.version - 1);
        assert.equal(versionOf(await after), lists.version);
        await cache.idle();
        assert.equal(versionOf(await lists.request(`/items?ids=${ids}`)), lists.version);
      }
    });

    test("an answer that another tag's change has overtaken is not kept, and the next one is", async () => {
      const { passed, open } = gate();
      lists.hold = passed;
      const { runs } = lists;
      const under = lists.request("/items?ids=overtaken");
      await until("the handler runs", () => lists.runs > runs);
      await change("unrelated");
      open();
      lists.hold = undefined;
      await under;
      await cache.idle();
      await stored("/items?ids=overtaken");
      assert.equal((await lists.request("/items?ids=overtaken")).cache, "hit");
    });

    test("variants that are made later carry the tags, too", async () => {
      await stored("/items?ids=large");
      const headers = { "accept-encoding": "gzip" };
      await lists.request("/items?ids=large", { headers });
      await cache.idle();
      const small = await lists.request("/items?ids=large", { headers });
      assert.deepEqual([small.cache, small.headers.get("content-encoding")], ["hit", "gzip"]);
      await change("large");
      assert.equal((await lists.request("/items?ids=large", { headers })).cache, "fwd=miss; stored");
    });

    test("cache.invalidateTags and a guarded write reach them", async () => {
      await stored("/items?ids=by-job");
      await cache.invalidateTags("tenant-1", "item-by-job");
      assert.equal((await stored("/items?ids=by-job")).cache, "fwd=miss; stored");
      assert.equal((await stored("/items?ids=by-job")).cache, "hit");
    });
  });
}

describe("tags of the answer", () => {
  test("another process's changes are seen", async () => {
    const keyPrefix = `test:answer-tags:${process.pid}:${Date.now()}:`;
    const caches = await Promise.all([openCache("redis", { keyPrefix }), openCache("redis", { keyPrefix })]);
    const [one, other] = await Promise.all(caches.map((cache) => openLists(cache)));
    assert.ok(one && other);
    afterTest(async () => {
      await Promise.all([one.close(), other.close()]);
      await Promise.all(caches.map((cache) => cache.close()));
    });
    for (const ids of ["1", "2"]) {
      await one.request(`/items?ids=${ids}`);
      await Promise.all(caches.map((cache) => cache.idle()));
      assert.equal((await other.request(`/items?ids=${ids}`)).cache, "hit");
    }
    await other.request("/items/1", { method: "PUT" });
    assert.equal((await one.request("/items?ids=1")).cache, "fwd=miss; stored");
    assert.equal((await one.request("/items?ids=2")).cache, "hit");
    assert.equal((await other.request("/items?ids=2")).cache, "hit");
  });

  test("within maxStaleness this process's own changes are seen at once", async () => {
    const cache = await openCache("redis");
    const lists = await openLists(cache, { ...TAGGED, maxStaleness: 60_000 });
    afterTest(async () => {
      await lists.close();
      await cache.close();
    });
    for (let round = 0; round < 3; round++) {
      await lists.request("/items?ids=1");
      await cache.idle();
    }
    assert.equal(lists.runs, 1);
    await lists.request("/items/1", { method: "PUT" });
    assert.equal(versionOf(await lists.request("/items?ids=1")), 2);
  });

  test("through the lane", async () => {
    const world = await openLaneWorld({
      store: "redis",
      lane: {},
      routes: { "/tagged": { tags: (_req, answer) => [`user-${(answer.json() as { user: string }).user}`] } },
    });
    afterTest(() => world.close());
    for (let round = 0; round < 3; round++) await ask(world, get("/tagged"));
    await world.cache.invalidateTags("tenant-1", "another");
    const before = world.dispatched();
    assert.ok(isHit(await ask(world, get("/tagged"))));
    assert.equal(world.dispatched(), before);
    await world.cache.invalidateTags("tenant-1", "user-anna");
    assert.ok(!isHit(await ask(world, get("/tagged"))));
  });
});
