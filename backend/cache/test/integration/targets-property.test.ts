// The key of a request as a property: whatever is asked for, of whichever host, a handler's answer is that to this request, and never one to another that it could tell apart.
import assert from "node:assert/strict";
import { text } from "node:stream/consumers";
import { describe, test } from "@jest/globals";
import express, { type Express, type Request, type RequestHandler } from "express";
import fc from "fast-check";
import qs from "qs";
import { openCache } from "../support/caches.js";
import { EXPRESS_VERSIONS } from "../support/express-versions.js";
import { serve } from "../support/http-app.js";
import { beginAsWritten } from "../support/plain-request.js";

const RUNS = 12;
/** So few targets for so many requests that most are hits. */
const TARGETS = 12;
const REQUESTS = 60;

interface Asked {
  /** Which of the targets. */
  readonly target: number;
  readonly isAbsolute: boolean;
  readonly headers: Readonly<Record<string, string>>;
}

const SEGMENTS = [
  "list",
  "LIST",
  "m",
  "M",
  "sub",
  "deep",
  "x",
  "de",
  "fr",
  "v1",
  "1",
  "a%2Fb",
  "a%2fb",
  "%61",
  "a;b",
  "x+y",
  ".",
];
const PARAMS = [
  "a=1",
  "a=2",
  "b=1",
  "a",
  "a=",
  "a[]=1",
  "a[]=2",
  "a[x]=1",
  "a.x=1",
  "a%5Bx%5D=1",
  "drop=1",
  "drop=2",
  "a=1%202",
  "a=1+2",
  "a=%31",
  "",
  "a=1,2",
  "a=1%2C2",
  "a=%zz",
  "A=1",
  "[a]=1",
  "a]=1",
  "a[=1",
  "?b=1",
  "=1",
  "__proto__=1",
];
const HOSTS = [
  "a.example",
  "A.example",
  "a.example:80",
  "b.example",
  "x.a.example",
  "a.example:8080",
  "[::1]",
];

const paths = fc
  .tuple(fc.array(fc.constantFrom(...SEGMENTS), { maxLength: 3 }), fc.constantFrom("", "/", "//"))
  .map(([segments, end]) => `/${segments.join("/")}${end}`);
const queries = fc.oneof(
  fc.constantFrom("", "?"),
  fc.array(fc.constantFrom(...PARAMS), { minLength: 1, maxLength: 3 }).map((all) => `?${all.join("&")}`),
);
/** Each with one that middleware makes the same URL of. */
const targets = fc
  .array(fc.tuple(fc.constantFrom("/de", "/fr", "/v1"), paths, queries), {
    minLength: TARGETS / 2,
    maxLength: TARGETS / 2,
  })
  .map((all) => all.flatMap(([cut, path, query]) => [path + query, cut + path + query]));
const hosts = fc.oneof(
  { weight: 4, arbitrary: fc.constant("a.example") },
  { weight: 1, arbitrary: fc.constantFrom(...HOSTS) },
);
const requests: fc.Arbitrary<Asked[]> = fc.array(
  fc.record({
    target: fc.nat(TARGETS - 1),
    isAbsolute: fc.constantFrom(false, false, false, false, false, false, true),
    headers: fc.oneof(
      { weight: 4, arbitrary: hosts.map((host) => ({ host })) },
      { weight: 1, arbitrary: fc.record({ host: hosts, "x-forwarded-host": hosts }) },
      {
        weight: 1,
        arbitrary: fc.record({
          host: hosts,
          "x-forwarded-proto": fc.constantFrom("http", "https", "https, http"),
        }),
      },
    ),
  }),
  { minLength: REQUESTS, maxLength: REQUESTS },
);
const settings = fc.record({
  strict: fc.boolean(),
  caseSensitive: fc.boolean(),
  parser: fc.constantFrom("simple", "extended", "of its own"),
});
type Settings = Parameters<Parameters<typeof settings.map>[0]>[0];

type Rewritten = Request & { cut?: string };

/** Cuts a language or a version off the path, and a parameter out of the query. */
const rewrite: RequestHandler = (req: Rewritten, _res, next) => {
  const [, cut, rest] = /^\/(de|fr|v1)(\/.*)$/.exec(req.url) ?? [];
  if (cut !== undefined && rest !== undefined) Object.assign(req, { cut, url: rest });
  req.url = req.url.replace(/([?&])drop=[^&]*&?/, "$1");
  next();
};

/** What a handler can tell two requests apart by; of queries not the order of parameters that have different names. */
function seenBy(name: string): RequestHandler {
  return (req: Rewritten, res) => {
    const [path, ...query] = (req.originalUrl.replace(/^http:\/\/[^/]*/, "") || "/").split("?");
    res.json({
      name,
      cut: req.cut,
      url: [req.baseUrl, req.path, req.params, req.query],
      asked: [path, qs.parse(query.join("?"), { depth: 0 })],
      authority: [req.protocol, req.hostname.toLowerCase(), req.subdomains.map((each) => each.toLowerCase())],
    });
  };
}

/** An object's members in any order; error pages as they are. */
function seenIn(body: string): unknown {
  return body.startsWith("{") ? JSON.parse(body) : body;
}

function build(app: Express, { strict, caseSensitive, parser }: Settings, cacheList: RequestHandler[]): void {
  app.set("env", "test");
  app.set("trust proxy", true);
  app.set("strict routing", strict);
  app.set("case sensitive routing", caseSensitive);
  app.set("query parser", parser === "of its own" ? (all: string) => qs.parse(all, { comma: true }) : parser);
  app.use(rewrite);
  const routed = (name: string) => [...cacheList, seenBy(name)];
  const router = express.Router({ strict, caseSensitive });
  router.get("/", ...routed("root"));
  router.get("/list", ...routed("list below"));
  router.get("/:id", ...routed("one below"));
  app.get("/list", ...routed("list"));
  app.get("/list/:id", ...routed("one"));
  app.use("/m", router);
  app.use("/x/:id", router);
  const sub = express();
  sub.use("/deep", router);
  app.use("/sub", sub);
  app.use(...cacheList, seenBy("all"));
}

describe("a request's key", () => {
  test.each(EXPRESS_VERSIONS)(
    "Express %s: no request gets what a handler said to another one",
    async (_version, create) => {
      let [hits, all] = [0, 0];
      await fc.assert(
        fc.asyncProperty(targets, requests, settings, async (asked, each, set) => {
          const cache = await openCache("memory", { tenant: () => "tenant-1" });
          const apps = [
            await serve((app) => build(app, set, [cache.cacheList("list")]), create),
            await serve((app) => build(app, set, []), create),
          ] as const;
          try {
            for (const { target, isAbsolute, headers } of each) {
              const path = `${isAbsolute ? `http://${headers.host}` : ""}${asked[target]}`;
              const [answer, expected] = await Promise.all(
                apps.map(async ({ url }) => {
                  const response = await beginAsWritten(url, path, headers);
                  return {
                    said: response.headers["cache-status"],
                    seen: [response.statusCode, seenIn(await text(response))],
                  };
                }),
              );
              assert.deepEqual(answer?.seen, expected?.seen, `${path} ${answer?.said}`);
              all++;
              if (answer?.said?.includes("; hit")) hits++;
            }
          } finally {
            await Promise.all([...apps.map((app) => app.close()), cache.close()]);
          }
        }),
        { numRuns: RUNS, includeErrorInReport: true },
      );
      // Else nothing was compared but misses.
      assert.ok(hits > all / 5, `${hits} of ${all} were hits`);
    },
  );
});
