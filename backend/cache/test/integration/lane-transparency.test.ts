// The lane answers what the app would have answered, byte for byte, whatever is asked and changed in between.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import fc from "fast-check";
import type { LaneOptions } from "../../src/index.js";
import { STORES } from "../support/caches.js";
import { ask, type RawRequest } from "../support/lane-requests.js";
import { type LaneWorld, openLaneWorld, TOKENS } from "../support/lane-world.js";

type Step =
  | { readonly ask: RawRequest; readonly times: number }
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
    "X-Forwarded-Proto: https, http",
    "Host: other.example",
    "Cookie: theme=dark",
  ),
  { maxLength: 3, selector: (header) => header.split(":")[0] },
);

const asked: fc.Arbitrary<RawRequest> = fc.record({
  method: fc.oneof(
    { weight: 8, arbitrary: fc.constant("GET") },
    { weight: 2, arbitrary: fc.constantFrom("HEAD", "POST", "OPTIONS", "DELETE") },
  ),
  target: targets,
  host: fc.oneof(
    { weight: 6, arbitrary: fc.constant("api.example") },
    { weight: 1, arbitrary: fc.constant("other.example") },
    // One spelling, none, and one that looks like two parts of a request.
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        "API.example:80",
        "api.example:81",
        "user@api.example",
        "api.example /items",
      ),
    },
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

async function play(world: LaneWorld, step: Step): Promise<string[]> {
  if ("session" in step) {
    const session = world.sessions.get(step.session);
    if (session) session.state = step.becomes;
    return [];
  }
  const answers: string[] = [];
  for (let time = 0; time < step.times; time++) answers.push(await ask(world, step.ask));
  return answers;
}

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
  });
}
