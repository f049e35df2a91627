// Whoever waits for another request's handler goes its own way at the moment when nothing is going to be shared, in every process.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import compression from "compression";
import type { RequestHandler, Response } from "express";
import { afterTest } from "../../../servers/in-test.js";
import { type RedisServer, startRedisServer } from "../../../servers/index.js";
import { createTenantCache, type TenantCache } from "../../src/index.js";
import { quiet } from "../support/caches.js";
import { gate, type HttpApp, serve } from "../support/http-app.js";
import { askPlainly, begin } from "../support/plain-request.js";

const LIMIT_BYTES = 10_000;
/** Nobody waits so long unless the test means it. */
const LONG_MS = 60_000;

/** Answers that begin, and end when the test says so. */
const BEGINNINGS: Record<string, (res: Response) => unknown> = {
  "an event stream": (res) =>
    res.writeHead(200, { "Content-Type": "text/event-stream" }).write("data: 1\n\n"),
  "an event stream with parameters": (res) =>
    res.type("text/event-stream; charset=utf-8").write("data: 1\n\n"),
  "a private stream": (res) => res.set("Cache-Control", "private").write("mine"),
  "an error in parts": (res) => res.status(503).write("not now"),
  "a declared length that is too large": (res) =>
    res.set("Content-Length", String(LIMIT_BYTES + 1)).write("x"),
  "a part that is too large": (res) => res.write("x".repeat(LIMIT_BYTES + 1)),
  "a cookie": (res) => res.cookie("a", "1").write("mine"),
  "a transfer coding": (res) => res.set("Transfer-Encoding", "gzip, chunked").write("coded"),
  "a flushed head": (res) => res.type("text/plain").flushHeaders(),
  "a flushed part": (res) => {
    res.write("first");
    (res as Response & { flush(): void }).flush();
  },
};

interface World {
  readonly app: HttpApp;
  readonly cache: TenantCache;
}

describe("followers", () => {
  let redis: RedisServer;
  let worlds: readonly [World, World];
  let begun: (res: Response) => unknown;
  let rest = gate();
  let runs = 0;

  beforeAll(async () => {
    redis = await startRedisServer();
    const keyPrefix = `${randomUUID()}:`;
    const open = async (): Promise<World> => {
      const cache = createTenantCache({
        redis: redis.url,
        keyPrefix,
        tenant: (req) => req.get("x-tenant"),
        budgetMs: 10_000,
        maxBodyBytes: LIMIT_BYTES,
        fill: { waitMs: LONG_MS },
        logger: quiet,
      });
      await cache.ready();
      const app = await serve((express) => {
        express.use(compression({ threshold: 0 }));
        express.get("/list{/*rest}", cache.cacheList("items"), (async (_req, res) => {
          runs++;
          begun(res);
          await rest.passed;
          res.end("the end");
        }) satisfies RequestHandler);
      });
      return { app, cache };
    };
    worlds = [await open(), await open()];
  });
  afterAll(async () => {
    for (const { app, cache } of worlds) {
      await app.close();
      await cache.close();
    }
    await redis.stop();
  });

  for (const [name, answer] of Object.entries(BEGINNINGS)) {
    for (const where of ["the same process", "another process"]) {
      test(`${name}: whoever waits in ${where} gets its own, before the first has ended`, async () => {
        rest = gate();
        runs = 0;
        const held = gate();
        const isWaiting = gate();
        begun = (res) => {
          // The follower has come before the first answer begins.
          if (runs > 1) answer(res);
          else void held.passed.then(() => answer(res));
          isWaiting.open();
        };
        const [leader, other] = worlds;
        const follower = where === "the same process" ? leader : other;
        const path = `/list/${randomUUID()}`;
        const missesBefore = (await follower.cache.stats()).totals.misses;
        const first = begin(leader.app.url + path);
        await isWaiting.passed;
        const second = begin(follower.app.url + path);
        const expected = missesBefore + (follower === leader ? 2 : 1);
        while ((await follower.cache.stats()).totals.misses < expected) await new Promise(setImmediate);
        assert.equal(runs, 1, "the second waits");
        held.open();
        const answers: IncomingMessage[] = [await first, await second];
        assert.equal(runs, 2);
        for (const response of answers) response.resume();
        const third = await begin(leader.app.url + path);
        assert.equal(runs, 3, "nor does a third one wait");
        third.resume();
        rest.open();
        await Promise.all(
          [...answers, third].map((response) => new Promise((end) => response.once("close", end))),
        );
        await leader.cache.idle();
      });
    }
  }

  test("an event stream is never stored; what was only flushed is", async () => {
    rest = gate();
    rest.open();
    for (const [name, expected] of [
      ["an event stream", "fwd=miss; detail=event-stream"],
      ["a flushed head", "hit"],
    ] as const) {
      begun = BEGINNINGS[name] ?? (() => undefined);
      const url = `${worlds[0].app.url}/list/${randomUUID()}`;
      await askPlainly(url);
      await worlds[0].cache.idle();
      assert.equal((await askPlainly(url)).cache, expected, name);
    }
  });

  test("whoever asks for events is not looked up", async () => {
    rest = gate();
    rest.open();
    begun = (res) => res.type("text/plain");
    const url = `${worlds[0].app.url}/list/${randomUUID()}`;
    await askPlainly(url);
    await worlds[0].cache.idle();
    assert.equal((await askPlainly(url)).cache, "hit");
    assert.equal(
      (await askPlainly(url, { accept: "text/event-stream" })).cache,
      "fwd=bypass; detail=event-stream",
    );
  });

  test("streams of a declared or an unknown length are still shared", async () => {
    for (const headers of [{}, { "Content-Length": String("one ".length + "the end".length) }]) {
      rest = gate();
      runs = 0;
      const isWaiting = gate();
      begun = (res) => {
        res.set(headers).write("one ");
        isWaiting.open();
      };
      const [{ app, cache }] = worlds;
      const url = `${app.url}/list/${randomUUID()}`;
      const missesBefore = (await cache.stats()).totals.misses;
      const first = askPlainly(url);
      await isWaiting.passed;
      const second = askPlainly(url);
      while ((await cache.stats()).totals.misses < missesBefore + 2) await new Promise(setImmediate);
      rest.open();
      assert.deepEqual([(await first).body, (await second).body], ["one the end", "one the end"]);
      assert.deepEqual([(await second).cache, runs], ["fwd=miss; collapsed", 1]);
    }
  });
});

describe("a route whose handlers take longer than anybody waits", () => {
  const WAIT_MS = 50;

  async function open() {
    const cache = createTenantCache({
      tenant: (req) => req.get("x-tenant"),
      budgetMs: 10_000,
      fill: { waitMs: WAIT_MS },
      logger: quiet,
    });
    await cache.ready();
    let runs = 0;
    let holds: Promise<void>[] = [];
    const app = await serve((express) => {
      express.get("/slow{/*rest}", cache.cacheList("items"), async (_req, res) => {
        await holds[runs++];
        res.send(`run ${runs}`);
      });
    });
    return {
      cache,
      url: `${app.url}/slow`,
      runs: () => runs,
      hold(...next: Promise<void>[]) {
        runs = 0;
        holds = next;
      },
      async close() {
        await app.close();
        await cache.close();
      },
    };
  }

  const later = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

  test("who has waited as long as anybody may runs its own handler, and the first is not given up", async () => {
    const world = await open();
    afterTest(() => world.close());
    const first = gate();
    world.hold(first.passed);
    const leader = askPlainly(`${world.url}/exceeded`);
    while (world.runs() < 1) await new Promise(setImmediate);
    // The first is held until this one has its answer: of its own handler, since nobody else has one.
    assert.equal((await askPlainly(`${world.url}/exceeded`)).body, "run 2");
    first.open();
    assert.equal((await leader).status, 200);
    assert.equal(world.runs(), 2);
    await world.cache.idle();
    assert.equal((await askPlainly(`${world.url}/exceeded`)).cache, "hit");
  });

  test("nobody waits in vain, once it is known", async () => {
    const world = await open();
    afterTest(() => world.close());
    world.hold(later(3 * WAIT_MS));
    await askPlainly(`${world.url}/learn`);
    const first = gate();
    const second = gate();
    world.hold(first.passed, second.passed);
    const leader = askPlainly(`${world.url}/slow`);
    while (world.runs() < 1) await new Promise(setImmediate);
    const next = askPlainly(`${world.url}/slow`);
    second.open();
    // Its own handler has answered while the first is still at work.
    assert.equal((await next).body, "run 2");
    first.open();
    assert.equal((await leader).cache, "fwd=miss; stored");
    assert.equal(world.runs(), 2);
  });
});
