// Conditional requests that miss: the client gets what the handler would have said, at the moment when it would have said it.
import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import express, { type Request, type RequestHandler, type Response } from "express";
import { projectFile } from "../../../project-root.js";
import { openCache, STORES } from "../support/caches.js";
import { gate, type HttpApp, serve } from "../support/http-app.js";
import { askPlainly, begin, type PlainAnswer } from "../support/plain-request.js";

const FILE = projectFile("LICENSE");
const LIMIT_BYTES = 10_000;
const MODIFIED = "Tue, 03 Mar 2026 10:00:00 GMT";

/** More than is read of what nobody gets. */
const VERY_LARGE_BYTES = 24 * 1024 * 1024;

/** A stream whose handler looks at conditions, as Express recommends. */
function pipe(res: Response, req: Request, headers: Record<string, string>, bytes = 100): void {
  res.set({ ETag: '"of-a-stream"', "Content-Type": "text/plain", ...headers });
  if (req.fresh) res.status(304).end();
  else Readable.from(["x".repeat(bytes)]).pipe(res);
}

const HANDLERS: Record<string, (req: Request, res: Response) => unknown> = {
  sendFile: (_req, res) => res.sendFile(FILE),
  "sendFile, private": (_req, res) =>
    res.sendFile(FILE, { cacheControl: false, headers: { "Cache-Control": "private" } }),
  "sendFile with a cookie": (_req, res) => res.cookie("a", "1").sendFile(FILE),
  "sendFile, too large": (_req, res) => res.sendFile(projectFile("package-lock.json")),
  pipe: (req, res) => pipe(res, req, {}),
  "pipe, private": (req, res) => pipe(res, req, { "Cache-Control": "private" }),
  "pipe, too large": (req, res) => pipe(res, req, {}, LIMIT_BYTES + 1),
  "pipe of a declared length": (req, res) => pipe(res, req, { "Content-Length": "100" }),
  "json, private": (_req, res) =>
    res.set({ "Cache-Control": "private", "Content-Language": "en" }).json({ a: 1 }),
  "not looked at, private": (_req, res) =>
    res.set({ ETag: '"unseen"', "Cache-Control": "private" }).end("always the whole"),
  "not looked at, with a cookie": (_req, res) =>
    Readable.from(["always ", "the whole"]).pipe(res.cookie("a", "1").set("ETag", '"unseen"')),
  "not looked at, too large": (_req, res) =>
    res.set({ ETag: '"unseen"', "Content-Type": "text/plain" }).end("x".repeat(LIMIT_BYTES + 1)),
  "a date alone": (_req, res) =>
    res.set({ "Cache-Control": "no-store", "Last-Modified": MODIFIED }).send("dated"),
  "another 2xx": (_req, res) => res.status(203).send("changed on the way"),
  "an error": (_req, res) => res.status(404).send("not here"),
};

for (const store of STORES) {
  describe(`conditions that miss, with the ${store} store`, () => {
    let plain: HttpApp;
    let cached: HttpApp;
    let cache: Awaited<ReturnType<typeof openCache>>;
    let bytesRead = 0;
    let outcome: string | undefined;

    beforeAll(async () => {
      cache = await openCache(store, { maxBodyBytes: LIMIT_BYTES });
      const mount = (app: express.Express, cacheList?: RequestHandler) => {
        const layers = cacheList ? [cacheList] : [];
        for (const [name, handler] of Object.entries(HANDLERS))
          app.get(pathOf(name), ...layers, (req, res) => void handler(req, res));
        app.use("/static", ...layers, express.static(projectFile("docs")));
        app.get("/pipeline", ...layers, async (req, res) => {
          res.set("ETag", '"of-a-pipeline"');
          if (req.fresh) return void res.status(304).end();
          const source = req.query.of === "parts" ? parts() : Readable.from(parts());
          outcome = await pipeline(source, res).then(
            () => "ended",
            ({ code }) => String(code),
          );
        });
        app.get("/callback", ...layers, (_req, res) => {
          res.sendFile(projectFile("package-lock.json"), (error) => {
            outcome = error ? String(error) : "ended";
          });
        });
        app.get("/large", ...layers, (req, res) => {
          res.set({ ETag: '"large"', "Content-Type": "text/plain", ...req.query });
          if (req.fresh) return void res.status(304).end();
          const source = new Readable({
            read() {
              bytesRead += LIMIT_BYTES;
              this.push(bytesRead > VERY_LARGE_BYTES ? null : "x".repeat(LIMIT_BYTES));
            },
          });
          source.pipe(res);
        });
      };
      plain = await serve((app) => mount(app));
      cached = await serve((app) => mount(app, cache.cacheList("items", 180)));
    });
    afterAll(async () => {
      await plain.close();
      await cached.close();
      await cache.close();
    });

    for (const name of [...Object.keys(HANDLERS), "static"]) {
      test(`${name}: as without the cache, the first time, while nobody waits for it, and from an entry`, async () => {
        const path = name === "static" ? "/static/operations.md" : pathOf(name);
        const { headers } = await askPlainly(plain.url + path);
        const conditions: Record<string, string>[] = [
          { "if-none-match": '"another"' },
          { "if-none-match": "*" },
        ];
        if (headers.etag) conditions.unshift({ "if-none-match": headers.etag });
        if (headers["last-modified"]) conditions.push({ "if-modified-since": headers["last-modified"] });
        conditions.push({ "if-modified-since": "Thu, 01 Jan 1970 00:00:00 GMT" });
        for (const condition of conditions) {
          const expected = await askPlainly(plain.url + path, condition);
          await cache.invalidateAllTenant("tenant-1");
          for (const time of ["first", "second", "third"]) {
            const answer = await askPlainly(cached.url + path, condition);
            assert.deepEqual(
              withoutOwn(answer),
              withoutOwn(expected),
              `${time}: ${JSON.stringify(condition)}`,
            );
          }
        }
      });
    }

    test("a client that asks for a reload gets what is not stored as a whole, as Express does it", async () => {
      const url = pathOf("json, private");
      const { headers } = await askPlainly(plain.url + url);
      const reload = { "if-none-match": headers.etag ?? "", "cache-control": "no-cache" };
      for (const app of [plain, cached, cached])
        assert.equal((await askPlainly(app.url + url, reload)).status, 200);
    });

    test("a 304 fills the entry all the same, and the client need not wait for the body", async () => {
      const rest = gate();
      const app = await serve((express) => {
        express.get("/slow", cache.cacheList("items", 180), async (_req, res) => {
          res.set({ ETag: '"slow"', "Content-Type": "text/plain" }).write("one ");
          await rest.passed;
          res.end("two");
        });
      });
      const first = await begin(`${app.url}/slow`, { "if-none-match": '"slow"' });
      assert.equal(first.statusCode, 304);
      rest.open();
      for await (const chunk of first) assert.fail(`a 304 with a body: ${String(chunk)}`);
      await cache.idle();
      const hit = await askPlainly(`${app.url}/slow`);
      assert.deepEqual([hit.cache, hit.body], ["hit", "one two"]);
      await app.close();
    });

    test("where the head says that nothing is stored, the handler sees the conditions and reads no source", async () => {
      bytesRead = 0;
      const url = `${cached.url}/large?Cache-Control=private`;
      const answer = await askPlainly(url, { "if-none-match": '"large"' });
      assert.deepEqual([answer.status, answer.body, bytesRead], [304, "", 0]);
    });

    test("the source of a body that nobody gets is not read on for ever", async () => {
      bytesRead = 0;
      const answer = await askPlainly(`${cached.url}/large`, { "if-none-match": '"large"' });
      assert.deepEqual([answer.status, answer.body], [304, ""]);
      for (let read = -1; read < bytesRead; ) {
        read = bytesRead;
        await askPlainly(cached.url + pathOf("sendFile"));
      }
      assert.ok(bytesRead < VERY_LARGE_BYTES, String(bytesRead));
    });

    for (const [path, tag] of [
      ["/pipeline?of=parts", '"of-a-pipeline"'],
      ["/pipeline?of=stream", '"of-a-pipeline"'],
      ["/callback", undefined],
    ] as const) {
      test(`${path}: whoever waits for the end of a body that is too large is told of no failure`, async () => {
        const etag = tag ?? (await askPlainly(plain.url + path)).headers.etag ?? "";
        outcome = undefined;
        assert.equal((await askPlainly(cached.url + path, { "if-none-match": etag })).status, 304);
        while (outcome === undefined) await new Promise(setImmediate);
        assert.equal(outcome, "ended");
      });
    }

    for (const [name, value] of [
      ["if-match", '"other"'],
      ["if-unmodified-since", "Thu, 01 Jan 1970 00:00:00 GMT"],
    ] as const) {
      test(`${name} is the handler's to answer: bypass, also where there is an entry`, async () => {
        const path = pathOf("sendFile");
        const expected = await askPlainly(plain.url + path, { [name]: value });
        assert.equal(expected.status, 412);
        await askPlainly(cached.url + path);
        const answer = await askPlainly(cached.url + path, { [name]: value });
        assert.deepEqual(withoutOwn(answer), withoutOwn(expected));
        assert.equal(answer.cache, "fwd=bypass; detail=precondition");
      });
    }
  });
}

async function* parts(): AsyncGenerator<string> {
  for (let bytes = 0; bytes <= 2 * LIMIT_BYTES; bytes += 1000) yield "x".repeat(1000);
}

function pathOf(name: string): string {
  return `/${name.replaceAll(/\W+/g, "-")}`;
}

/** Without what the clock decides and what the cache adds. */
function withoutOwn({ status, headers, body }: PlainAnswer) {
  const {
    date,
    age,
    connection,
    vary,
    "keep-alive": _,
    "cache-status": __,
    "transfer-encoding": ___,
    ...compared
  } = headers;
  if (compared["cache-control"] === "private, no-cache") delete compared["cache-control"];
  delete compared["content-length"];
  // Of the body that a 304 does not have: handlers leave it away, or do not.
  if (status === 304) delete compared["content-type"];
  // The cache's own, where the handler set none.
  if (/^W\/"[\da-f]+-[\w-]{27}"$/.test(compared.etag ?? "") && status !== 304) delete compared.etag;
  return { status, headers: compared, body };
}
