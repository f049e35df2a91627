// What the lane answers without the app, and what it leaves to it: nothing that the app would have refused.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, jest, test } from "@jest/globals";
import { afterTest } from "../../../servers/in-test.js";
import type { LaneOptions } from "../../src/index.js";
import { STORES } from "../support/caches.js";
import { ask, get, isHit, type RawRequest } from "../support/lane-requests.js";
import { type LaneWorld, openLaneWorld } from "../support/lane-world.js";

for (const store of STORES) {
  describe(`the lane (${store})`, () => {
    describe("what it answers", () => {
      let world: LaneWorld;
      beforeAll(async () => {
        world = await openLaneWorld({ store, lane: {} });
      });
      afterAll(() => world.close());

      test("a URL that the app has answered for the same caller, without the app", async () => {
        for (const target of [
          "/items?page=5",
          "/items/5",
          "/mine",
          "/translated",
          "/mounted",
          "/mounted?page=5",
        ]) {
          await ask(world, get(target));
          const viaApp = await ask(world, get(target));
          const before = world.dispatched();
          const answer = await ask(world, get(target));
          assert.equal(world.dispatched(), before, `${target}: Express did not run`);
          assert.ok(isHit(answer), target);
          assert.equal(answer, viaApp);
        }
      });

      test("not to another caller before the app has let that one through", async () => {
        await ask(world, get("/secrets"));
        await ask(world, get("/secrets"));
        const answer = await ask(world, get("/secrets", "bert"));
        assert.match(answer, /^HTTP\/1.1 403 /);
        assert.match(await ask(world, get("/secrets", "bert")), /^HTTP\/1.1 403 /);
      });

      test("nothing from before a mutation", async () => {
        await ask(world, get("/items?page=6"));
        assert.ok(isHit(await ask(world, get("/items?page=6"))));
        await ask(world, get("/items", "anna", { method: "POST" }));
        const answer = await ask(world, get("/items?page=6"));
        assert.ok(!isHit(answer));
        assert.match(answer, /"version":1/);
      });

      test("nothing while a request asks for more than a stored answer", async () => {
        await ask(world, get("/items?page=8"));
        await ask(world, get("/items?page=8"));
        const doubts: Partial<RawRequest>[] = [
          { headers: ["Range: bytes=0-3"] },
          { headers: ["Expect: 100-continue"] },
          { headers: ["Connection: close, Upgrade", "Upgrade: websocket"] },
          { body: "{}" },
          { headers: ["X-Forwarded-Host: other.example"] },
          { host: "other.example" },
          { token: "nobody" },
          { target: "/%69tems?page=8" },
        ];
        for (const doubt of doubts) {
          const before = world.dispatched();
          await ask(world, get("/items?page=8", "anna", doubt));
          assert.equal(world.dispatched(), before + 1, JSON.stringify(doubt));
        }
      });
    });
  });
}

describe("the lane", () => {
  test("asks the app again after relearnSeconds", async () => {
    const world = await openLaneWorld({ store: "memory", lane: { relearnSeconds: 300 } });
    afterTest(() => world.close());
    await ask(world, get("/items"));
    await ask(world, get("/items"));
    const now = performance.now.bind(performance);
    jest.spyOn(performance, "now").mockImplementation(() => now() + 400_000);
    const before = world.dispatched();
    assert.ok(isHit(await ask(world, get("/items"))));
    assert.equal(world.dispatched(), before + 1);
    assert.ok(isHit(await ask(world, get("/items"))));
    assert.equal(world.dispatched(), before + 1);
  });

  test("an identity whose tags are invalidated goes to the app, also where another process did it", async () => {
    const identify: LaneOptions["identify"] = (req) => {
      // As a memo does that has not heard of the revocation.
      const token = req.headers.authorization?.replace(/^Bearer /, "");
      return token === "anna" ? { tenant: "tenant-1", scope: "anna", tags: ["session-anna"] } : undefined;
    };
    for (const store of STORES) {
      const world = await openLaneWorld({ store, lane: { identify }, maxStaleness: 0 });
      afterTest(() => world.close());
      // The fences of the tags are read behind the first request.
      let answer = "";
      for (let tries = 0, before = -1; before !== world.dispatched() && tries < 20; tries++) {
        before = world.dispatched();
        answer = await ask(world, get("/items"));
      }
      assert.ok(isHit(answer));
      const before = world.dispatched();
      assert.ok(isHit(await ask(world, get("/items"))));
      assert.equal(world.dispatched(), before, "answered by the lane");
      const session = world.sessions.get("anna");
      if (session) session.state = "revoked";
      assert.equal(await world.cache.invalidateTags("tenant-1", "session-anna"), true);
      assert.match(await ask(world, get("/items")), /^HTTP\/1.1 401 /, store);
      assert.match(await ask(world, get("/items")), /^HTTP\/1.1 401 /, store);
    }
  });

  test("middleware that answers itself, or fails, keeps the hit back", async () => {
    let mode: "pass" | "limit" | "fail" = "pass";
    const use: LaneOptions["use"] = [
      (_req, res, next) => {
        if (mode === "pass") next();
        else if (mode === "fail") next(new Error("broken"));
        else {
          res.statusCode = 429;
          res.end("slow down");
        }
      },
    ];
    const world = await openLaneWorld({ store: "memory", lane: { use } });
    afterTest(() => world.close());
    for (let time = 0; time < 3; time++) await ask(world, get("/items"));
    mode = "limit";
    assert.match(await ask(world, get("/items")), /^HTTP\/1.1 429 .*slow down/s);
    mode = "fail";
    const before = world.dispatched();
    assert.ok(isHit(await ask(world, get("/items"))), "the app answers");
    assert.equal(world.dispatched(), before + 1);
  });

  test("an identify that throws is told once, and the app answers", async () => {
    const identify = () => {
      throw new Error("no keys");
    };
    const world = await openLaneWorld({ store: "memory", lane: { identify } });
    afterTest(() => world.close());
    for (let time = 0; time < 3; time++) assert.match(await ask(world, get("/items")), /^HTTP\/1.1 200 /);
    assert.equal(world.dispatched(), 3);
  });

  test("refuses options that it does not know", async () => {
    const world = await openLaneWorld({ store: "memory" });
    afterTest(() => world.close());
    const wrong = { identify: () => undefined, memo: 5 };
    assert.throws(() => world.cache.lane(() => undefined, wrong as LaneOptions), { code: "ETC_OPTIONS" });
  });
});
