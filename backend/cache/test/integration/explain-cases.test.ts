// `cache.explain` says what the next such request is told: in generated cases of every kind, and for each reason to bypass.
import assert from "node:assert/strict";
import { METHODS } from "node:http";
import { describe, test } from "@jest/globals";
import { holdTime, tell } from "../../../servers/in-test.js";
import { until } from "../../../servers/until.js";
import { MemoryStore, VERDICTS } from "../../src/index.js";
import { STORES } from "../support/caches.js";
import {
  type Asking,
  openExplainedRoutes,
  ROUTES,
  UNSTORABLE,
  withoutTtl,
} from "../support/explained-routes.js";
import { gate } from "../support/http-app.js";
import { type StubFeed, stubFeed } from "../support/stub-feed.js";

const TENANTS = ["tenant-1", "tenant-2"] as const;
const HEADERS: readonly Readonly<Record<string, string>>[] = [
  { "x-user": "ada" },
  { "x-user": "ada" },
  { "x-user": "odd" },
  { "accept-language": "de" },
  { "accept-encoding": "gzip" },
  { "if-none-match": "*" },
  { range: "bytes=0-1" },
  { "if-match": '"a"' },
  { accept: "text/event-stream" },
  { host: "api.example.com" },
  { "cache-control": "no-cache" },
  { "cache-control": "no-store" },
  { "cache-control": "max-age=0" },
  { "cache-control": "min-fresh=9999" },
  { "cache-control": "only-if-cached" },
];
const QUERIES = ["", "", "", "?page=1", "?page=x", "?utm_source=a", "?b=2&a=1", `?long=${"x".repeat(5000)}`];
const BODIES = ["{}", '{"q":"a"}', '{ "q": "a" }', '{"q":"b","page":2}', "[1,2]"];
const METHODS_OF_BODIES = METHODS.includes("QUERY") ? ["POST", "QUERY"] : ["POST"];

const AGEING = ["short", "refreshed", "lasting", "obeying-stale"];
const FENCED = ["plain", "depends", "tagged", "tagged-by-answer", "searching", "searching-tagged"];

/** A generator with a seed, so that what has failed can be tried again. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** Shorter than a test waits, longer than a busy machine is away. */
const TOKEN_LIVES_MS = 3000;
const FEED = { maxDelayMs: TOKEN_LIVES_MS, verifyMs: 100 };
const REPLICATED = ["replicated", "replicated", "replicated"];

describe.each(STORES)("explained cases, %s", (store) => {
  test.each(["without a feed", "with a feed"])(
    "200 generated ones, %s: it is the Cache-Status of the request that follows",
    async (kindOfCache) => {
      const stub = kindOfCache === "with a feed" ? stubFeed([...FENCED, "replicated"], FEED) : undefined;
      const more = stub ? { replicated: { replica: stub.replica } } : {};
      const options = stub ? { feed: stub.feed } : {};
      const { cache, request, ask, explain, world } = await openExplainedRoutes(store, options, more);
      const next = numbers(20);
      // The feed's token lives by the store's clock, which goes on.
      const pass = stub ? (ms: number) => new Promise((resolve) => setTimeout(resolve, ms)) : holdTime([]);
      // Some need more than one turn of luck: to be stored, to age or to be fenced off, and to be asked for then.
      const names = [
        ...Object.keys(ROUTES),
        ...AGEING,
        ...AGEING,
        ...AGEING,
        ...FENCED,
        ...FENCED,
        ...(stub ? REPLICATED : []),
      ];
      const pick = <T>(of: readonly T[]): T => of[next(of.length)] as T;
      const said: Record<string, number> = {};
      const generated = (): Asking => {
        const name = pick(names);
        const tenant = next(16) === 0 ? pick(["", "later", "*"]) : pick(TENANTS);
        const headers = {
          ...(next(3) > 0 ? {} : pick(HEADERS)),
          ...(tenant !== "" && { "x-tenant": tenant }),
        };
        const url = `/${name}/${next(2)}${pick(QUERIES)}`;
        const isQuery = ROUTES[name]?.methods !== undefined && next(4) > 0;
        if (!isQuery) return { url, method: pick(["GET", "GET", "GET", "HEAD"]), headers };
        const type = next(8) === 0 ? "text/plain" : "application/json";
        return {
          url,
          method: pick(METHODS_OF_BODIES),
          headers: { ...headers, "content-type": type },
          body: pick(BODIES),
        };
      };
      let [ill, ended] = [0, 0];
      let asking = generated();
      for (let n = 0; n < 200; n++) {
        // Something happens.
        const own = asking.url.split("/")[1] ?? "";
        const [tenant, name] = [pick(TENANTS), next(2) === 0 ? own : pick(names)];
        const happening = next(20);
        if (AGEING.includes(own) && next(3) === 0) await pass(1100);
        if (happening === 0) await request(`/${name}`, { method: "PATCH", tenant });
        if (happening === 1) await cache.invalidateTags(tenant, `tag-${next(2)}`);
        if (happening === 2) await cache.forget({ tenant, url: `/${name}/${next(2)}` });
        if (happening === 3) await cache.invalidateAllTenant(tenant);
        if (happening === 4) await cache.invalidateModule(name);
        if (stub && happening > 15) await feedChanges(stub, happening);
        if (stub && !(stub.answers && stub.covers) && ++ill % 6 === 0)
          await feedChanges(stub, stub.answers ? 17 : 19);
        // Mostly once more what was asked before.
        asking = next(4) > 0 ? asking : generated();
        if (UNSTORABLE.has(asking.url.split("/")[1] ?? "")) await ask(asking);
        await cache.idle();
        const guard = happening === 6 ? await guardedWrite() : undefined;
        const { runs } = world;
        const told = await explain(asking);
        assert.equal(world.runs, runs, "no handler runs");
        assert.ok(VERDICTS.includes(told.verdict));
        const answered = await ask(asking);
        const what = `case ${n}: ${JSON.stringify(asking)}: ${JSON.stringify(told)}`;
        // With a feed the clock goes on, and an entry that lives for a second may end between the two.
        const mayEnd =
          stub !== undefined && told.verdict === "hit" && AGEING.includes(asking.url.split("/")[1] ?? "");
        if (mayEnd && /^fwd=(?:miss|stale)/.test(answered)) ended++;
        else assert.equal(withoutTtl(told.cacheStatus), answered, what);
        await guard?.();
        const kind = [told.verdict, told.verdict === "miss" ? told.miss?.reason : told.detail]
          .join(" ")
          .trim();
        said[kind] = (said[kind] ?? 0) + 1;
        if (told.detail === "uncovered" || told.detail === "replica-lag")
          said[told.detail] = (said[told.detail] ?? 0) + 1;
        if (stub && !stub.answers && answered === "fwd=miss; stored")
          said.tokenless = (said.tokenless ?? 0) + 1;
      }
      tell(`${JSON.stringify(said)}; ${ended} ended meanwhile`);
      for (const kind of ["hit", "stale", "miss cold", "miss fenced", "miss expired", "miss unstorable"])
        assert.ok(said[kind], `${kind} was tried: ${JSON.stringify(said)}`);

      for (const kind of stub ? ["uncovered", "replica-lag", "tokenless"] : [])
        assert.ok(said[kind], `${kind} was tried: ${JSON.stringify(said)}`);

      /** And is known to the feed when this resolves. */
      async function feedChanges(of: StubFeed, happening: number): Promise<void> {
        const report = async () => {
          // Somebody reads what is covered, or the feed goes to sleep.
          await ask({ url: "/plain/9", method: "GET", headers: { "x-tenant": "tenant-1" } });
          const { feed } = await cache.stats();
          return feed ?? assert.fail();
        };
        if (happening === 16) of.isCaughtUp = !of.isCaughtUp;
        if (happening === 17 && of.answers) {
          const { epochs } = await report();
          of.covers = !of.covers;
          await until("the feed has looked", async () => (await report()).epochs > epochs);
        }
        if (happening === 18) {
          of.answers = false;
          await until("the token is gone", async () => ((await report()).tokenAgeMs ?? 0) > TOKEN_LIVES_MS);
        }
        if (happening === 19 && !of.answers) {
          of.answers = true;
          await until(
            "the token is there",
            async () => ((await report()).tokenAgeMs ?? 9e9) < TOKEN_LIVES_MS / 4,
          );
        }
        await cache.idle();
      }

      /** One that is under way until what is returned is called. */
      async function guardedWrite(): Promise<() => Promise<void>> {
        const { passed, open } = gate();
        world.hold = passed;
        const before = await explain({ url: "/plain/0", method: "GET", headers: { "x-tenant": "tenant-1" } });
        const write = request("/plain", { method: "PUT", tenant: "tenant-1" });
        await until("the write is under way", async () => {
          const now = await explain({ url: "/plain/0", method: "GET", headers: { "x-tenant": "tenant-1" } });
          return now.verdict === "bypass" || before.verdict === "bypass";
        });
        world.hold = undefined;
        return async () => {
          open();
          await write;
        };
      }
    },
  );

  test("an entry that has answered for a failure, until the handler answers again", async () => {
    const { ask, explain, world, cache } = await openExplainedRoutes(store);
    const asking = { url: "/lasting/1", method: "GET", headers: { "x-tenant": "tenant-1" } };
    await ask(asking);
    await cache.idle();
    await new Promise((resolve) => setTimeout(resolve, 1100));
    world.isFailing = true;
    assert.equal(await ask(asking), "fwd=stale; detail=stale-if-error");
    const told = await explain(asking);
    assert.deepEqual(
      [told.verdict, told.cacheStatus, told.miss?.reason],
      ["miss", "fwd=stale; detail=stale-if-error", "expired"],
    );
    assert.equal(await ask(asking), told.cacheStatus);
    world.isFailing = false;
    assert.equal(await ask(asking), "fwd=stale; stored");
    await cache.idle();
    await new Promise((resolve) => setTimeout(resolve, 1100));
    assert.equal((await explain(asking)).cacheStatus, "fwd=stale; stored");
  });

  test("each reason to bypass", async () => {
    const { ask, explain } = await openExplainedRoutes(store);
    const get = (url: string, headers: Record<string, string> = {}): Asking => ({
      url,
      method: "GET",
      headers: { "x-tenant": "tenant-1", ...headers },
    });
    const post = (url: string, body: string, type = "application/json"): Asking => ({
      ...get(url, { "content-type": type }),
      method: "POST",
      body,
    });
    const cases: readonly (readonly [detail: string, asking: Asking])[] = [
      ["no-tenant", { url: "/plain/1", method: "GET", headers: {} }],
      ["no-tenant", get("/plain/1", { "x-tenant": "*" })],
      ["async-tenant", get("/plain/1", { "x-tenant": "later" })],
      ["disabled", get("/disabled/1")],
      ["no-module", get("/routed/nameless")],
      ["skipped", get("/routed/excepted")],
      ["skipped", get("/skipping/1?page=1")],
      ["range", get("/plain/1", { range: "bytes=0-1" })],
      ["precondition", get("/plain/1", { "if-match": '"a"' })],
      ["precondition", get("/plain/1", { "if-unmodified-since": "Sat, 01 Jan 2000 00:00:00 GMT" })],
      ["event-stream", get("/plain/1", { accept: "text/event-stream" })],
      ["body", post("/searching/1", "a", "application/octet-stream")],
      ["too-long", post("/searching-little/1", '{"q":"more than twelve"}')],
      ["authority", get("/named/1")],
      ["params", get("/params/1?b=2")],
      ["query", get("/by-query/1?page=x")],
      ["vary-by", get("/varied-by/1", { "x-user": "odd" })],
      ["too-long", get(`/plain/1?long=${"x".repeat(9000)}`)],
      ["scope", get("/scoped-by-nothing/1")],
      ["async-scope", get("/scoped-later/1")],
      ["request", get("/obeying/1", { "cache-control": "no-store" })],
    ];
    for (const [detail, asking] of cases) {
      const told = await explain(asking);
      const what = JSON.stringify([detail, asking.url.slice(0, 40), told.cacheStatus]);
      assert.deepEqual([told.verdict, told.detail], ["bypass", detail], what);
      assert.equal(withoutTtl(told.cacheStatus), await ask(asking), what);
    }
  });
});

test("a store that is away", async () => {
  let isAway = false;
  class Leaving extends MemoryStore {
    override async read(...args: Parameters<MemoryStore["read"]>) {
      if (isAway) throw new Error("away");
      return super.read(...args);
    }

    override async beginFill(...args: Parameters<MemoryStore["beginFill"]>) {
      if (isAway) throw new Error("away");
      return super.beginFill(...args);
    }

    override async peek(...args: Parameters<MemoryStore["peek"]>) {
      if (isAway) throw new Error("away");
      return super.peek(...args);
    }
  }
  const { ask, explain } = await openExplainedRoutes("memory", {
    store: () => new Leaving({ maxBytes: 1_000_000, maxTenantBytes: 1_000_000 }),
  });
  const asking = { url: "/plain/1", method: "GET", headers: { "x-tenant": "tenant-1" } };
  await ask(asking);
  isAway = true;
  for (let n = 0; n < 5; n++) {
    const told = await explain(asking);
    assert.deepEqual([told.verdict, told.detail], ["bypass", "store-unavailable"]);
    assert.equal(told.cacheStatus, await ask(asking));
  }
});
