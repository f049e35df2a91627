// Stale entries: served while they are refreshed, or where the handler fails; never one that a fence has cut off.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import type { Request, Response } from "express";
import { afterTest, setClock } from "../../../servers/in-test.js";
import type { TenantCache } from "../../src/index.js";
import { openCache, STORES } from "../support/caches.js";
import { gate, type HttpApp, serve } from "../support/http-app.js";
import { askPlainly } from "../support/plain-request.js";

const OLD = "public, max-age=10";

for (const store of STORES) {
  describe(`stale entries with the ${store} store`, () => {
    let cache: TenantCache;
    let app: HttpApp;
    let runs = 0;
    let seen: (string | undefined)[] = [];
    let handler: (req: Request, res: Response) => unknown = () => undefined;

    beforeAll(async () => {
      cache = await openCache(store);
      app = await serve((express) => {
        const run = (req: Request, res: Response) => {
          runs++;
          seen.push(req.get("authorization"));
          return handler(req, res);
        };
        const both = { staleWhileRevalidate: 600, staleIfError: 600 };
        express.get("/revalidated{/*rest}", cache.cacheList("accounts", { staleWhileRevalidate: 600 }), run);
        express.get("/if-error{/*rest}", cache.cacheList("accounts", { staleIfError: 600 }), run);
        express.get("/both{/*rest}", cache.cacheList("accounts", both), run);
      });
    });
    afterAll(async () => {
      await app.close();
      await cache.close();
    });

    /** The first answer says that it is nearly as old as it may become: its entry is stale within the second. */
    function ageing(body: string): typeof handler {
      return (_req, res) => res.set({ "Cache-Control": OLD, Age: runs === 1 ? "9" : "0" }).send(body + runs);
    }
    function handle(next: typeof handler): void {
      handler = next;
      runs = 0;
      seen = [];
    }
    const isStale = async (path: string) => {
      const { headers } = await app.request(path, { method: "HEAD" });
      return /ttl=-|fwd=stale/.test(headers.get("cache-status") ?? "");
    };
    async function untilStale(path: string): Promise<void> {
      while (!(await isStale(path))) await new Promise((resolve) => setTimeout(resolve, 50));
    }

    test("served at once, and refreshed behind the response as the same user, once", async () => {
      const answered = gate();
      handle(async (req, res) => {
        if (runs > 1) await answered.passed;
        ageing("v")(req, res);
      });
      const headers = { authorization: "Bearer user" };
      await app.request("/revalidated/1", { headers });
      // HEAD asks for a refresh as well, so staleness is waited for on the clock that the entry was made with.
      await new Promise((resolve) => setTimeout(resolve, 1100));
      const answers = await Promise.all([1, 2, 3].map(() => app.request("/revalidated/1", { headers })));
      for (const answer of answers) {
        assert.equal(answer.body, "v1");
        assert.match(answer.headers.get("cache-status") ?? "", /; hit; ttl=-\d+$/);
      }
      answered.open();
      await cache.idle();
      assert.deepEqual(seen, ["Bearer user", "Bearer user"]);
      const fresh = await app.request("/revalidated/1", { headers });
      assert.deepEqual([fresh.body, fresh.cache], ["v2", "hit"]);
      assert.equal(runs, 2);
    });

    test("a failed refresh leaves the stale entry; a fence does not", async () => {
      handle(ageing("v"));
      await app.request("/revalidated/2");
      await new Promise((resolve) => setTimeout(resolve, 1100));
      handler = (_req, res) => res.status(500).send("broken");
      assert.equal((await app.request("/revalidated/2")).body, "v1");
      await cache.idle();
      assert.equal((await app.request("/revalidated/2")).body, "v1");
      await cache.idle();
      await cache.invalidateTenantCache("tenant-1", "accounts");
      assert.equal((await app.request("/revalidated/2")).body, "broken");
    });

    test("if the handler fails, with a status or by throwing, the stale entry is its answer", async () => {
      handle(ageing("v"));
      const miss = await app.request("/if-error/1");
      await untilStale("/if-error/1");
      const failures: (typeof handler)[] = [
        (_req, res) => res.status(503).set("X-Failed", "1").json({ error: "away" }),
        (_req, res) => res.writeHead(500, { "X-Failed": "1" }).end("away"),
        (_req, res) => res.writeHead(500, "Not Now").end("away"),
        () => {
          throw new Error("thrown by the handler");
        },
      ];
      for (const failure of failures) {
        handler = failure;
        const answer = await app.request("/if-error/1");
        assert.deepEqual([answer.status, answer.body], [200, "v1"]);
        assert.equal(answer.cache, "fwd=stale; detail=stale-if-error");
        assert.equal(answer.headers.get("x-failed"), null);
        assert.equal((await askPlainly(`${app.url}/if-error/1`)).statusMessage, "OK");
        assert.equal(answer.headers.get("content-type"), miss.headers.get("content-type"));
      }
      handler = (_req, res) => res.send("back");
      const back = await app.request("/if-error/1");
      assert.deepEqual([back.body, back.cache], ["back", "fwd=stale; stored"]);
    });

    test("a change is never hidden by a failure", async () => {
      handle(ageing("v"));
      await app.request("/both/1");
      await cache.invalidateTenantCache("tenant-1", "accounts");
      handler = (_req, res) => res.status(503).send("away");
      assert.equal((await app.request("/both/1")).status, 503);
    });

    test("must-revalidate of the handler forbids both", async () => {
      handle((_req, res) =>
        res.set({ "Cache-Control": `${OLD}, must-revalidate`, Age: "9" }).send(`v${runs}`),
      );
      await app.request("/both/2");
      const gone = async () =>
        (await app.request("/both/2", { method: "HEAD" })).cache === "fwd=miss; detail=head";
      while (!(await gone())) await new Promise((resolve) => setTimeout(resolve, 50));
      assert.notEqual((await app.request("/both/2")).body, "v1");
    });
  });
}

test("a refresh whose handler throws, or never answers, leaves the stale entry, and a later request tries again", async () => {
  const cache = await openCache("memory", { fill: { waitMs: 50 } });
  let runs = 0;
  let handler: (res: Response) => unknown = (res) => res.send("first");
  const app = await serve((express) => {
    express.get("/list", cache.cacheList("accounts", { staleWhileRevalidate: 600 }), (_req, res) => {
      runs++;
      return handler(res);
    });
  });
  afterTest(async () => {
    await app.close();
    await cache.close();
  });
  const seen = async () => (await app.request("/list")).body;
  await seen();
  setClock(Date.now() + 200_000);
  const failures: (typeof handler)[] = [
    () => {
      throw new Error("thrown in a refresh");
    },
    (res) => res.destroy(),
    () => undefined,
  ];
  for (const failure of failures) {
    handler = failure;
    const before = runs;
    assert.equal(await seen(), "first");
    // Also where the handler never answers: a refresh is not waited for without end.
    await cache.idle();
    assert.equal(runs, before + 1, String(failure));
  }
  handler = (res) => res.send("second");
  while ((await seen()) !== "second") await cache.idle();
});
