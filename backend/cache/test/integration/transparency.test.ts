// Transparency (G3) as a property: random handlers behind random middleware answer the same with the cache and without it.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import express, { type ErrorRequestHandler, type RequestHandler } from "express";
import fc from "fast-check";
import { openCache } from "../support/caches.js";
import { gate } from "../support/http-app.js";
import {
  type Asked,
  ask,
  comparable,
  headerOf,
  type Received,
  wereBothCutShort,
} from "../support/transparency-exchange.js";
import { FOUND } from "../support/transparency-found.js";
import { handlerOf, type Plan, plans } from "../support/transparency-handlers.js";
import { type Layers, layer, layers } from "../support/transparency-middleware.js";

const STATUSES = [200, 201, 203, 204, 301, 404, 410, 418];
const RUNS = 120;

/** A handler that answers in other ways does not look at conditions, which the cache then answers in its place. */
const EXPRESS_ANSWERS_CONDITIONS: readonly Plan["via"][] = ["json", "send", "sendFile"];

/** A request, and its answer without the cache. */
interface Answered {
  readonly one: Asked;
  /** What its condition is about. */
  readonly first: Received | undefined;
  readonly expected: Received | undefined;
}

const onError: ErrorRequestHandler = (error, _req, res, next) => {
  if (res.headersSent) next(error);
  else res.status(500).json({ error: String(error) });
};

/** What clients say beside: of parts, of reloads, and conditions that the handler answers. */
const FIELDS: readonly Record<string, string>[] = [
  { range: "bytes=0-3" },
  { range: "bytes=0-3", "if-range": '"another"' },
  { "cache-control": "no-cache" },
  { "cache-control": "max-age=0" },
  { pragma: "no-cache" },
  { "if-match": '"another"' },
  { "if-unmodified-since": "Thu, 01 Jan 2026 00:00:00 GMT" },
];

/** Three clients that have nothing in common but the tenant. The first asks with GET, so that there may be an entry. */
const clients = fc.tuple(
  client(1, fc.constant("GET" as const)),
  client(2, fc.constant("GET" as const)),
  client(3, fc.constantFrom("GET", "HEAD")),
);

function client(number: number, method: fc.Arbitrary<"GET" | "HEAD">): fc.Arbitrary<Asked> {
  const asked = fc.record({
    method,
    acceptEncoding: fc.constantFrom("identity", "gzip", "br, gzip;q=0.5"),
    origin: fc.constant(`https://client-${number}.example`),
    requestId: fc.constant(`request-${number}`),
    condition: fc.constantFrom(undefined, undefined, "etag", "another etag", "any etag", "date"),
    fields: fc.constantFrom({}, {}, {}, {}, {}, {}, {}, ...FIELDS),
  });
  // The cache tells whoever has the bytes so, where Express sends them once more.
  return asked.filter(({ condition, fields }) => !condition || fields["cache-control"] !== "no-cache");
}

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

  /** @param held in front of the handler */
  function appOf(
    plan: Plan,
    { before, after }: Layers,
    cacheList: readonly RequestHandler[] = [],
    held: readonly RequestHandler[] = [],
  ): RequestListener {
    const app = express();
    // Express prints what nobody has handled only outside of tests.
    app.set("env", "test");
    for (const name of before) app.use(layer(name));
    for (const each of cacheList) app.use(each);
    for (const name of after) app.use(layer(name));
    app.all("/list", ...held, handlerOf(plan));
    app.use(onError);
    return app;
  }

  /** The answers without the cache. Conditions of those behind the first are about its answer. */
  async function askWithout(plan: Plan, around: Layers, asked: readonly Asked[]) {
    listener = appOf(plan, around);
    const answers: Answered[] = [];
    for (const each of asked) {
      const { condition, ...unconditional } = each;
      const one = EXPRESS_ANSWERS_CONDITIONS.includes(plan.via) ? each : unconditional;
      const first = answers[0]?.expected;
      answers.push({ one, first, expected: await ask(port(), one, first) });
    }
    return answers;
  }
  const port = () => (server.address() as AddressInfo).port;

  /** @returns whether it was answered from an entry, or with what another request's handler said */
  function compared({ acceptEncoding, requestId }: Asked, expected?: Received, actual?: Received): boolean {
    const said = actual && headerOf(actual, "cache-status");
    const label = `${requestId}: ${said ?? "no Cache-Status"}`;
    if (!wereBothCutShort(actual, expected))
      assert.deepEqual(
        comparable(actual, expected, acceptEncoding),
        comparable(expected, expected, acceptEncoding),
        label,
      );
    const coding = actual && headerOf(actual, "content-encoding");
    assert.ok(coding === undefined || acceptEncoding.includes(coding), `${label} in ${coding}`);
    return /; hit|; collapsed/.test(label);
  }

  /** @returns how many were answered without a handler of their own */
  async function oneByOne(plan: Plan, around: Layers, asked: readonly Asked[]): Promise<number> {
    const answers = await askWithout(plan, around, asked);
    const cache = await openCache("memory");
    let shared = 0;
    try {
      listener = appOf(plan, around, [cache.cacheList("accounts", { statuses: STATUSES })]);
      for (const { one, first, expected } of answers) {
        const actual = await ask(port(), one, first);
        await cache.idle();
        if (compared(one, expected, actual)) shared++;
      }
    } finally {
      await cache.close();
    }
    return shared;
  }

  /** All at once: the handler of whoever comes first waits until the others are there. */
  async function together(plan: Plan, around: Layers, asked: readonly Asked[]): Promise<number> {
    const answers = await askWithout(plan, around, asked);
    const cache = await openCache("memory");
    const all = gate();
    let arrived = 0;
    const arrive: RequestHandler = (_req, _res, next) => {
      if (++arrived === asked.length) all.open();
      next();
    };
    const wait: RequestHandler = (_req, _res, next) => void all.passed.then(() => next());
    try {
      const cacheList = cache.cacheList("accounts", { statuses: STATUSES });
      listener = appOf(plan, around, [arrive, cacheList], [wait]);
      const actual = await Promise.all(answers.map(({ one, first }) => ask(port(), one, first)));
      return answers.filter(({ one, expected }, index) => compared(one, expected, actual[index])).length;
    } finally {
      await cache.close();
    }
  }

  /** What `invalidateCache` holds back is what leaves. */
  async function held(guard: boolean, plan: Plan, around: Layers, asked: readonly Asked[]): Promise<number> {
    const mutations = asked.map((each) => ({ ...each, method: "POST" as const }));
    const answers = await askWithout(plan, around, mutations);
    const cache = await openCache("memory");
    let invalidated = 0;
    cache.events.on("invalidated", () => invalidated++);
    try {
      listener = appOf(plan, around, [cache.invalidateCache({ modules: ["accounts"], guard })]);
      for (const { one, first, expected } of answers) compared(one, expected, await ask(port(), one, first));
      return invalidated;
    } finally {
      await cache.close();
    }
  }

  test.each([false, true])("and behind invalidateCache, guard: %s", async (guard) => {
    let invalidated = 0;
    await fc.assert(
      fc.asyncProperty(plans, layers, clients, async (plan, around, asked) => {
        invalidated += await held(guard, plan, around, asked);
      }),
      { numRuns: RUNS / 2, includeErrorInReport: true, examples: FOUND },
    );
    assert.ok(invalidated > RUNS, `${invalidated} invalidations`);
  });

  test.each([
    ["one by one", oneByOne],
    ["all at once", together],
  ])(
    "random handlers and middleware answer the same with the cache and without it: %s",
    async (_name, compare) => {
      let withShared = 0;
      await fc.assert(
        fc.asyncProperty(plans, layers, clients, async (plan, around, asked) => {
          if ((await compare(plan, around, asked)) > 0) withShared++;
        }),
        { numRuns: RUNS, includeErrorInReport: true, examples: FOUND },
      );
      // Else nothing was compared but misses.
      assert.ok(withShared > RUNS / 10, `${withShared} of ${RUNS} runs had an answer that was shared`);
    },
  );
});
