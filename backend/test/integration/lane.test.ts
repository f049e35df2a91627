// The lane answers what the app would have answered, byte for byte, and nothing that the app would have refused.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import fc from "fast-check";
import type { LaneOptions } from "../../cache/index.js";
import { STORES } from "../support/caches.js";
import { type LaneWorld, openLaneWorld, TOKENS } from "../support/lane-world.js";
import { exchange, withoutClock } from "../support/raw-http.js";

interface Asked {
  readonly method: string;
  readonly target: string;
  readonly host: string;
  readonly token: string | undefined;
  readonly headers: readonly string[];
  readonly body: string;
}

type Step =
  | { readonly ask: Asked; readonly times: number }
  | { readonly session: (typeof TOKENS)[number]; readonly becomes: "active" | "expired" | "revoked" };

const targets = fc.oneof(
  fc.constantFrom(
    "/items",
    "/items?page=1",
    "/items?page=1&page=2",
    "/items/7",
    "/mine",
    "/translated",
    "/mounted",
    "/mounted/",
    "/mounted?page=1",
    "/mounted/?page=1",
  ),
  fc.constantFrom(
    "/obedient",
    "/secrets",
    "/cookies",
    "/headed",
    "/rewritten",
    "/nowhere",
    "/items?%70age=1",
  ),
  fc.constantFrom(
    "//items",
    "/%2e/items",
    "/./items",
    "/items/../mine",
    "http://api.example/items",
    "/items#x",
  ),
  fc.constantFrom("/%69tems", "/items?", "/ITEMS", "/items/", "*", "/items/%2e%2e", "/items;a"),
);

const headers = fc.uniqueArray(
  fc.constantFrom(
    'If-None-Match: "nothing"',
    "If-None-Match: *",
    "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT",
    "Range: bytes=0-3",
    "Cache-Control: no-cache",
    "Pragma: no-cache",
    "Expect: 100-continue",
    "Connection: close, Upgrade\r\nUpgrade: websocket",
    "Accept-Encoding: gzip",
    "Accept-Encoding: br;q=0.5, gzip;q=0",
    "Accept-Language: de",
    "Accept-Language: fr",
    "X-Forwarded-Host: other.example",
    "X-Forwarded-Proto: https",
    "Cookie: theme=dark",
  ),
  { maxLength: 3, selector: (header) => header.split(":")[0] },
);

const asked: fc.Arbitrary<Asked> = fc.record({
  method: fc.oneof(
    { weight: 8, arbitrary: fc.constant("GET") },
    { weight: 2, arbitrary: fc.constantFrom("HEAD", "POST", "OPTIONS", "DELETE") },
  ),
  target: targets,
  host: fc.oneof(
    { weight: 6, arbitrary: fc.constant("api.example") },
    { weight: 1, arbitrary: fc.constant("other.example") },
  ),
  token: fc.option(fc.constantFrom<string>(...TOKENS), { nil: undefined, freq: 8 }),
  headers: fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, { weight: 2, arbitrary: headers }),
  body: fc.oneof({ weight: 8, arbitrary: fc.constant("") }, { weight: 1, arbitrary: fc.constant("{}") }),
});

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 12, arbitrary: fc.record({ ask: asked, times: fc.integer({ min: 1, max: 3 }) }) },
    {
      weight: 1,
      arbitrary: fc.record({
        session: fc.constantFrom(...TOKENS),
        becomes: fc.constantFrom("active" as const, "expired" as const, "revoked" as const),
      }),
    },
  ),
  { minLength: 1, maxLength: 12 },
);

function textOf({ method, target, host, token, headers: more, body }: Asked): string {
  const lines = [`${method} ${target} HTTP/1.1`, `Host: ${host}`];
  if (token !== undefined) lines.push(`Authorization: Bearer ${token}`);
  if (body !== "") lines.push(`Content-Length: ${body.length}`);
  lines.push(...more);
  if (!more.some((header) => header.startsWith("Connection:"))) lines.push("Connection: close");
  return `${lines.join("\r\n")}\r\n\r\n${body}`;
}

async function play(world: LaneWorld, step: Step): Promise<string[]> {
  if ("session" in step) {
    const session = world.sessions.get(step.session);
    if (session) session.state = step.becomes;
    return [];
  }
  const answers: string[] = [];
  for (let time = 0; time < step.times; time++) {
    answers.push(withoutClock(await exchange(world.port, textOf(step.ask))));
    await world.cache.idle();
  }
  return answers;
}

const get = (target: string, token = "anna", more: Partial<Asked> = {}): Asked => ({
  method: "GET",
  host: "api.example",
  headers: [],
  body: "",
  target,
  token,
  ...more,
});
const ask = async (world: LaneWorld, request: Asked) => {
  const answer = withoutClock(await exchange(world.port, textOf(request)));
  await world.cache.idle();
  return answer;
};
const isHit = (answer: string) => answer.includes("express-tenant-cache; hit");

for (const store of STORES) {
  describe(`the lane (${store})`, () => {
    const setsHeader: LaneOptions["use"] = [
      (_req, res, next) => {
        res.setHeader("Vary", "Origin");
        res.setHeader("X-Common", "yes");
        next();
      },
    ];
    for (const [name, use] of [
      ["without middleware", []],
      ["with middleware", setsHeader],
    ] as const) {
      test(`answers the same bytes as the app alone, ${name}`, async () => {
        const runs = store === "memory" ? 60 : 25;
        await fc.assert(
          fc.asyncProperty(steps, fc.constantFrom(0, 60_000), async (played, maxStaleness) => {
            const configure: NonNullable<Parameters<typeof openLaneWorld>[0]["configure"]> = (app) => {
              for (const middleware of use) app.use(middleware);
            };
            const [lane, plain] = await Promise.all([
              openLaneWorld({ store, maxStaleness, configure, lane: { use } }),
              openLaneWorld({ store, maxStaleness, configure }),
            ]);
            try {
              for (const step of played) {
                const [through, alone] = await Promise.all([play(lane, step), play(plain, step)]);
                assert.deepEqual(through, alone);
              }
              assert.ok(lane.dispatched() <= plain.dispatched());
            } finally {
              await Promise.all([lane.close(), plain.close()]);
            }
          }),
          { numRuns: runs },
        );
      });
    }

    describe("what it answers", () => {
      let world: LaneWorld;
      before(async () => {
        world = await openLaneWorld({ store, lane: {} });
      });
      after(() => world.close());

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
        const doubts: Partial<Asked>[] = [
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
  test("asks the app again after relearnSeconds", async (t) => {
    t.mock.timers.enable({ apis: [] });
    const world = await openLaneWorld({ store: "memory", lane: { relearnSeconds: 1 } });
    t.after(() => world.close());
    await ask(world, get("/items"));
    await ask(world, get("/items"));
    const now = performance.now.bind(performance);
    t.mock.method(performance, "now", () => now() + 1500);
    const before = world.dispatched();
    assert.ok(isHit(await ask(world, get("/items"))));
    assert.equal(world.dispatched(), before + 1);
    assert.ok(isHit(await ask(world, get("/items"))));
    assert.equal(world.dispatched(), before + 1);
  });

  test("an identity whose tags are invalidated goes to the app, also where another process did it", async (t) => {
    const identify: LaneOptions["identify"] = (req) => {
      // As a memo does that has not heard of the revocation.
      const token = req.headers.authorization?.replace(/^Bearer /, "");
      return token === "anna" ? { tenant: "tenant-1", scope: "anna", tags: ["session-anna"] } : undefined;
    };
    for (const store of STORES) {
      const world = await openLaneWorld({ store, lane: { identify }, maxStaleness: 0 });
      t.after(() => world.close());
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

  test("middleware that answers itself, or fails, keeps the hit back", async (t) => {
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
    t.after(() => world.close());
    for (let time = 0; time < 3; time++) await ask(world, get("/items"));
    mode = "limit";
    assert.match(await ask(world, get("/items")), /^HTTP\/1.1 429 .*slow down/s);
    mode = "fail";
    const before = world.dispatched();
    assert.ok(isHit(await ask(world, get("/items"))), "the app answers");
    assert.equal(world.dispatched(), before + 1);
  });

  test("an identify that throws is told once, and the app answers", async (t) => {
    const identify = () => {
      throw new Error("no keys");
    };
    const world = await openLaneWorld({ store: "memory", lane: { identify } });
    t.after(() => world.close());
    for (let time = 0; time < 3; time++) assert.match(await ask(world, get("/items")), /^HTTP\/1.1 200 /);
    assert.equal(world.dispatched(), 3);
  });

  test("refuses options that it does not know", async (t) => {
    const world = await openLaneWorld({ store: "memory" });
    t.after(() => world.close());
    const wrong = { identify: () => undefined, memo: 5 };
    assert.throws(() => world.cache.lane(() => undefined, wrong as LaneOptions), { code: "ETC_OPTIONS" });
  });
});
