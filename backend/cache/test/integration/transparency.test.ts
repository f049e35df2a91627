// Transparency (G3) as a property: random handlers behind random middleware answer the same with the cache and without it.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import express, { type ErrorRequestHandler, type RequestHandler } from "express";
import fc from "fast-check";
import { openCache } from "../support/caches.js";
import {
  type Asked,
  ask,
  comparable,
  headerOf,
  type Received,
  wereBothCutShort,
} from "../support/transparency-exchange.js";
import { handlerOf, type Plan, plans } from "../support/transparency-handlers.js";
import { type Layers, layer, layers } from "../support/transparency-middleware.js";

const STATUSES = [200, 201, 203, 204, 301, 404, 410, 418];
const RUNS = 250;

/** A handler that answers in other ways does not look at conditions, which the cache then answers in its place. */
const EXPRESS_ANSWERS_CONDITIONS: readonly Plan["via"][] = ["json", "send", "sendFile"];

const onError: ErrorRequestHandler = (error, _req, res, next) => {
  if (res.headersSent) next(error);
  else res.status(500).json({ error: String(error) });
};

/** Three clients that have nothing in common but the tenant. The first asks with GET, so that there may be an entry. */
const clients = fc.tuple(
  client(1, fc.constant("GET" as const)),
  client(2, fc.constant("GET" as const)),
  client(3, fc.constantFrom("GET", "HEAD")),
);

function client(number: number, method: fc.Arbitrary<"GET" | "HEAD">): fc.Arbitrary<Asked> {
  return fc.record({
    method,
    acceptEncoding: fc.constantFrom("identity", "gzip", "br, gzip;q=0.5"),
    origin: fc.constant(`https://client-${number}.example`),
    requestId: fc.constant(`request-${number}`),
    condition: fc.constantFrom(undefined, undefined, "etag", "another etag", "any etag", "date"),
  });
}

const PLAIN: Omit<Asked, "requestId"> = {
  method: "GET",
  acceptEncoding: "gzip",
  origin: "https://x.example",
};

/** What the property has found once. */
const FOUND: [Plan, Layers, [Asked, Asked, Asked]][] = [
  // A default that is set before a handler keeps sendFile from saying its own.
  [
    { via: "sendFile", head: { status: 200, headers: [["Set-Cookie", ["seen=1"]]], removed: [] } },
    { before: [], after: [] },
    [
      { ...PLAIN, requestId: "request-1" },
      { ...PLAIN, requestId: "request-2" },
      { ...PLAIN, requestId: "request-3", method: "HEAD" },
    ],
  ],
  // Compressed behind the cache, where middleware in front of it has named Accept-Encoding in Vary before.
  [
    {
      via: "send",
      head: { status: 200, headers: [], removed: [] },
      chunk: { text: "compressed behind the cache ", times: 60 },
      form: "set",
    },
    { before: ["a vary"], after: ["compression"] },
    [
      { ...PLAIN, requestId: "request-1" },
      { ...PLAIN, requestId: "request-2", acceptEncoding: "identity" },
      { ...PLAIN, requestId: "request-3", acceptEncoding: "br" },
    ],
  ],
  // A wrong length that compression in front of the cache has removed for one client and not for the next.
  [
    {
      via: "wrong length",
      head: { status: 200, headers: [["Content-Type", ["text/plain"]]], removed: [] },
      text: "four",
      tooMany: -2,
    },
    { before: ["compression"], after: [] },
    [
      { ...PLAIN, requestId: "request-1" },
      { ...PLAIN, requestId: "request-2", acceptEncoding: "identity" },
      { ...PLAIN, requestId: "request-3" },
    ],
  ],
  // A type that is set late, also on a 304 of the handler: compression in front of it goes by the type and names itself in Vary.
  [
    { via: "sendFile", head: { status: 201, headers: [], removed: [] } },
    { before: ["compression"], after: ["a late type"] },
    [
      { ...PLAIN, requestId: "request-1", acceptEncoding: "identity" },
      { ...PLAIN, requestId: "request-2", acceptEncoding: "identity" },
      { ...PLAIN, requestId: "request-3", acceptEncoding: "identity", condition: "etag" },
    ],
  ],
  // A strong validator, which is weak where the answer would be compressed: also where a 304 takes its place.
  [
    { via: "sendFile", head: { status: 200, headers: [["ETag", ['"strong"']]], removed: [] } },
    { before: [], after: [] },
    [
      { ...PLAIN, requestId: "request-1", acceptEncoding: "identity" },
      { ...PLAIN, requestId: "request-2" },
      { ...PLAIN, requestId: "request-3", acceptEncoding: "br, gzip;q=0.5", condition: "etag" },
    ],
  ],
  // The same, where compression in front of the cache would have compressed it and left the validator strong.
  [
    {
      via: "parts",
      head: {
        status: 200,
        headers: [
          ["Content-Type", ["text/plain; charset=utf-8"]],
          ["ETag", ['"strong"']],
        ],
        removed: [],
      },
      parts: [{ text: " ", times: 4000 }],
      form: "set",
    },
    { before: ["compression"], after: [] },
    [
      { ...PLAIN, requestId: "request-1", acceptEncoding: "identity" },
      { ...PLAIN, requestId: "request-2" },
      { ...PLAIN, requestId: "request-3" },
    ],
  ],
];

describe("transparency", () => {
  let listener: RequestListener = () => undefined;
  const server = createServer((req, res) => listener(req, res));
  beforeAll(async () => {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
  });
  afterAll(async () => {
    server.close();
    await once(server, "close");
  });

  function appOf(plan: Plan, { before, after }: Layers, cacheList?: RequestHandler): RequestListener {
    const app = express();
    // Express prints what nobody has handled only outside of tests.
    app.set("env", "test");
    for (const name of before) app.use(layer(name));
    if (cacheList) app.use(cacheList);
    for (const name of after) app.use(layer(name));
    app.get("/list", handlerOf(plan));
    app.use(onError);
    return app;
  }

  /** @returns how many answers were hits */
  async function compare(plan: Plan, around: Layers, asked: readonly Asked[]): Promise<number> {
    const { port } = server.address() as AddressInfo;
    const cache = await openCache("memory");
    const plain = appOf(plan, around);
    const cached = appOf(plan, around, cache.cacheList("accounts", { statuses: STATUSES }));
    let hits = 0;
    let first: Received | undefined;
    try {
      for (const each of asked) {
        const { condition, ...unconditional } = each;
        const one = EXPRESS_ANSWERS_CONDITIONS.includes(plan.via) ? each : unconditional;
        listener = plain;
        const expected = await ask(port, one, first);
        listener = cached;
        const actual = await ask(port, one, first);
        first ??= expected;
        await cache.idle();
        const label = `${one.requestId}: ${(actual && headerOf(actual, "cache-status")) ?? "no Cache-Status"}`;
        if (!wereBothCutShort(actual, expected))
          assert.deepEqual(
            comparable(actual, expected, one.acceptEncoding),
            comparable(expected, expected, one.acceptEncoding),
            label,
          );
        const coding = actual && headerOf(actual, "content-encoding");
        assert.ok(coding === undefined || one.acceptEncoding.includes(coding), `${label} in ${coding}`);
        if (/; hit/.test(label)) hits++;
      }
    } finally {
      await cache.close();
    }
    return hits;
  }

  test("random handlers and middleware answer the same with the cache and without it", async () => {
    let withHits = 0;
    await fc.assert(
      fc.asyncProperty(plans, layers, clients, async (plan, around, asked) => {
        if ((await compare(plan, around, asked)) > 0) withHits++;
      }),
      { numRuns: RUNS, includeErrorInReport: true, examples: FOUND },
    );
    // Else nothing was compared but misses.
    assert.ok(withHits > RUNS / 10, `${withHits} of ${RUNS} runs had a hit`);
  });
});
