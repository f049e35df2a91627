// What `cache.advice()` suggests: a scope, what is not in the key, tags; and where it suggests nothing.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe, test } from "@jest/globals";
import type express from "express";
import { adviceOn, codes, observing } from "../support/advised-app.js";

describe("what is suggested", () => {
  test("answers that differ with the caller: a scope is missing", async () => {
    const { cache, app } = await observing((app, cache) => {
      app.get("/me", cache.observe("me"), (req, res) => void res.json({ user: req.get("authorization") }));
    });
    for (let n = 0; n < 40; n++)
      await app.request("/me", { headers: { authorization: `user ${Math.floor(n / 3) % 5}` } });
    assert.deepEqual(codes(await adviceOn(cache, "me", 40)), ["scope-missing"]);
  });

  test("answers that alternate for one caller: something is not in the key", async () => {
    const { cache, app } = await observing((app, cache) => {
      app.get("/hello", cache.observe("hello"), (req, res) => void res.json(req.get("accept-language")));
    });
    for (let n = 0; n < 40; n++)
      await app.request("/hello", { headers: { "accept-language": n % 3 === 0 ? "de" : "en" } });
    const route = await adviceOn(cache, "hello", 40);
    assert.deepEqual(codes(route), ["vary-missing"]);
    assert.ok((route.suggested?.ttlSeconds ?? 0) <= (route.present?.ttlSeconds ?? 0));
  });

  test("answers that are new each time", async () => {
    const { cache, app } = await observing((app, cache) => {
      app.get("/now", cache.observe("now"), (_req, res) => void res.json(randomUUID()));
    });
    for (let n = 0; n < 20; n++) await app.request("/now");
    assert.deepEqual(codes(await adviceOn(cache, "now", 20)), ["differs-each-time"]);
  });

  test("answers that change with an invalidation are no reason for a warning", async () => {
    const { cache, app } = await observing((app, cache) => {
      let version = 0;
      app.get("/accounts", cache.observe("accounts"), (_req, res) => void res.json(version));
      app.post("/accounts", cache.invalidateCache("accounts"), (_req, res) => {
        version++;
        res.sendStatus(204);
      });
    });
    for (let n = 0; n < 20; n++) {
      for (let read = 0; read < 2; read++) await app.request("/accounts");
      await app.request("/accounts", { method: "POST" });
    }
    assert.deepEqual(codes(await adviceOn(cache, "accounts", 40)), []);
  });

  for (const [name, answer, suggested] of [
    ["equal answers: the tenant's scope would do", () => "plans", "tenant"],
    ["answers of their own: it would not", (user: string) => user, null],
  ] as const) {
    test(`scopes with ${name}`, async () => {
      const { cache, app } = await observing((app, cache) => {
        const scope = (req: express.Request) => req.get("x-user") ?? "none";
        app.get("/plans", cache.observe("plans", { scope }), (req, res) => {
          res.json(answer(req.get("x-user") ?? ""));
        });
      });
      for (let n = 0; n < 30; n++) await app.request("/plans", { headers: { "x-user": `u${n % 10}` } });
      assert.equal((await adviceOn(cache, "plans", 30)).suggestedScope, suggested);
    });
  }

  test("tags, where an invalidation of the module mostly changes other entries", async () => {
    const { cache, app } = await observing((app, cache) => {
      const versions = new Map<string, number>();
      app.get("/accounts/:id", cache.observe("accounts"), (req, res) => {
        res.json([req.params.id, versions.get(String(req.params.id)) ?? 0]);
      });
      app.put("/accounts/:id", cache.invalidateCache("accounts"), (req, res) => {
        versions.set(String(req.params.id), (versions.get(String(req.params.id)) ?? 0) + 1);
        res.sendStatus(204);
      });
    });
    for (let round = 0; round < 4; round++) {
      for (let id = 0; id < 8; id++) await app.request(`/accounts/${id}`);
      await app.request(`/accounts/${round}`, { method: "PUT" });
    }
    const route = await adviceOn(cache, "accounts", 32);
    assert.equal(route.suggestedTags, `tags: (req) => [\`accounts-\${req.params.id}\`]`);
    assert.deepEqual(codes(route), []);
  });
});
