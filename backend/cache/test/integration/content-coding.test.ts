// Compressed variants: made once behind a hit, chosen by what the client accepts, the same bytes once decoded.
import assert from "node:assert/strict";
import { get, type IncomingHttpHeaders } from "node:http";
import { buffer } from "node:stream/consumers";
import * as zlib from "node:zlib";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import type { Request, Response } from "express";
import { acceptedCodings } from "../../src/codec/content-coding.js";
import type { TenantCache } from "../../src/index.js";
import { openCache, STORES } from "../support/caches.js";
import { type HttpApp, serve } from "../support/http-app.js";

const ROWS = JSON.stringify(Array.from({ length: 200 }, (_, id) => ({ id, name: `Account ${id}` })));

describe("Accept-Encoding", () => {
  test("is read as RFC 9110 section 12.5.3 says", () => {
    const cases: [header: string | undefined, expected: string[]][] = [
      [undefined, []],
      ["", []],
      ["identity", []],
      ["gzip", ["gzip"]],
      ["x-gzip", ["gzip"]],
      ["gzip, deflate, br", ["br", "gzip"]],
      ["br;q=0.5, gzip;q=0.8", ["gzip", "br"]],
      ["br;q=0, gzip", ["gzip"]],
      ["*", ["br", "zstd", "gzip"]],
      ["*;q=0.1, gzip;q=0", ["br", "zstd"]],
      ["gzip, zstd", ["zstd", "gzip"]],
      ["GZIP ; Q=1", ["gzip"]],
      ["gzip;q=nonsense", []],
      ["identity;q=1, gzip;q=0.5", []],
    ];
    for (const [header, expected] of cases) assert.deepEqual(acceptedCodings(header), expected, header);
  });
});

test("where none are kept, neither misses nor hits say that they vary", async () => {
  const cache = await openCache("memory", { compress: false });
  const app = await serve((express) => {
    express.get("/rows", cache.cacheList("accounts", 180), (_req, res) => res.type("json").send(ROWS));
  });
  try {
    for (const status of [/fwd=miss/, /; hit/]) {
      const { headers, body } = await app.request("/rows", { headers: { "accept-encoding": "gzip" } });
      assert.match(String(headers.get("cache-status")), status);
      assert.equal(headers.get("vary"), null);
      assert.equal(body, ROWS);
    }
  } finally {
    await app.close();
    await cache.close();
  }
});

test("a body with a digest is sent as it was: in another coding it has another one", async () => {
  const cache = await openCache("memory");
  const app = await serve((express) => {
    express.get("/rows/:header", cache.cacheList("accounts", 180), (req, res) => {
      res.type("json").set(String(req.params.header), "sha-256=:YWJj:").send(ROWS);
    });
  });
  try {
    for (const header of ["Content-Digest", "Repr-Digest", "Digest", "Content-MD5"])
      for (let time = 0; time < 3; time++) {
        const { headers } = await app.request(`/rows/${header}`, { headers: { "accept-encoding": "gzip" } });
        assert.deepEqual([headers.get("content-encoding"), headers.get(header)], [null, "sha-256=:YWJj:"]);
        await cache.idle();
      }
  } finally {
    await app.close();
    await cache.close();
  }
});

for (const store of STORES) {
  describe(`compressed variants with the ${store} store`, () => {
    let cache: TenantCache;
    let app: HttpApp;
    let handler: (req: Request, res: Response) => unknown = () => undefined;

    beforeAll(async () => {
      cache = await openCache(store);
      app = await serve((express) => {
        express.get("/{*any}", cache.cacheList("accounts", 180), (req, res) => handler(req, res));
      });
    });
    afterAll(async () => {
      await app.close();
      await cache.close();
    });

    /** Without a client that decodes by itself. */
    async function request(path: string, headers: Record<string, string> = {}, method = "GET") {
      const answer = await new Promise<{ status: number; headers: IncomingHttpHeaders; body: Buffer }>(
        (resolve, reject) => {
          get(app.url + path, { method, headers: { "x-tenant": "t", ...headers } }, async (response) => {
            resolve({
              status: response.statusCode ?? 0,
              headers: response.headers,
              body: await buffer(response),
            });
          }).on("error", reject);
        },
      );
      return { ...answer, encoding: answer.headers["content-encoding"] ?? "identity" };
    }
    const accepting = (codings: string) => ({ "accept-encoding": codings });

    /** Filled, and hit once by a client that would take a variant. */
    async function warm(path: string): Promise<void> {
      await request(path);
      assert.equal(
        (await request(path, accepting("gzip, br"))).encoding,
        "identity",
        "made behind this hit, not before it",
      );
      await cache.idle();
    }

    test("the next hits are sent in the coding that each client prefers", async () => {
      handler = (_req, res) => res.type("json").send(ROWS);
      await warm("/rows");
      const identity = await request("/rows");
      const gzip = await request("/rows", accepting("gzip"));
      const br = await request("/rows", accepting("gzip, br"));
      assert.deepEqual([identity.encoding, gzip.encoding, br.encoding], ["identity", "gzip", "br"]);
      for (const body of [identity.body, zlib.gunzipSync(gzip.body), zlib.brotliDecompressSync(br.body)]) {
        assert.equal(body.toString(), ROWS);
      }
      const zstd = await request("/rows", accepting("gzip;q=0.5, zstd"));
      const decompress: unknown = Reflect.get(zlib, "zstdDecompressSync");
      if (typeof decompress === "function") assert.equal(String(decompress(zstd.body)), ROWS);
      else assert.equal(zstd.encoding, "gzip", "this Node cannot make it");
      for (const { headers, body } of [identity, gzip, br, zstd]) {
        assert.equal(headers["content-length"], String(body.length));
        assert.equal(headers.vary, "Accept-Encoding");
        assert.match(String(headers["cache-status"]), /; hit; /);
      }
      const head = await request("/rows", accepting("br"), "HEAD");
      assert.deepEqual(
        [head.encoding, head.headers["content-length"], head.body.length],
        ["br", String(br.body.length), 0],
      );
    });

    test("a miss already says that it varies; conditions hold in every coding; strong validators become weak", async () => {
      handler = (_req, res) => res.set("ETag", '"v1"').type("json").send(ROWS);
      assert.equal((await request("/strong", accepting("gzip"))).headers.vary, "Accept-Encoding");
      await warm("/strong");
      assert.equal((await request("/strong")).headers.etag, '"v1"');
      assert.equal((await request("/strong", accepting("gzip"))).headers.etag, 'W/"v1"');
      for (const etag of ['"v1"', 'W/"v1"']) {
        const answer = await request("/strong", { ...accepting("gzip"), "if-none-match": etag });
        assert.deepEqual([answer.status, answer.body.length, answer.encoding], [304, 0, "identity"]);
        assert.equal(answer.headers.vary, "Accept-Encoding");
      }
    });

    const untouched: Record<string, typeof handler> = {
      "a small body": (_req, res) => res.json({ rows: [] }),
      "an image": (_req, res) => res.type("png").send(Buffer.alloc(5000)),
      "a body that the handler has encoded": (_req, res) =>
        res.type("json").set("Content-Encoding", "gzip").send(Buffer.alloc(5000)),
      "no-transform": (_req, res) => res.type("json").set("Cache-Control", "public, no-transform").send(ROWS),
    };
    for (const [name, answer] of Object.entries(untouched)) {
      test(`sent as it is: ${name}`, async () => {
        handler = answer;
        const path = `/${name.replaceAll(" ", "-")}`;
        const first = await request(path);
        await request(path, accepting("br, gzip"));
        await cache.idle();
        const hit = await request(path, accepting("br, gzip"));
        assert.equal(hit.headers["content-encoding"], first.headers["content-encoding"]);
        assert.equal(hit.headers.vary, undefined);
        assert.deepEqual(hit.body, first.body);
      });
    }

    test("an entry that is invalidated meanwhile is not written again", async () => {
      handler = (_req, res) => res.type("json").send(ROWS);
      await request("/overtaken");
      const hit = request("/overtaken", accepting("gzip"));
      await hit;
      await cache.invalidateTenantCache("t", "accounts");
      await cache.idle();
      handler = (_req, res) => res.type("json").send(`${ROWS} `);
      assert.equal((await request("/overtaken", accepting("gzip"))).body.toString(), `${ROWS} `);
    });
  });
}
