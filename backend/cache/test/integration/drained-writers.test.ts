// Writers that wait for "drain" go on, where compression in front of the cache keeps their listeners elsewhere.
import assert from "node:assert/strict";
import { once } from "node:events";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import compression from "compression";
import type { Response } from "express";
import type { TenantCache } from "../../src/index.js";
import { openCache } from "../support/caches.js";
import { type HttpApp, serve } from "../support/http-app.js";
import { begin } from "../support/plain-request.js";

const PART = "a part of the answer ".repeat(1000);
const PARTS = 40;

describe("writers that wait, behind compression", () => {
  let cache: TenantCache;
  let app: HttpApp;
  let answer: (res: Response) => unknown = () => undefined;
  /** How the last answer of the list ended. */
  let written: Promise<void> = Promise.resolve();

  beforeAll(async () => {
    cache = await openCache("memory");
    app = await serve((express) => {
      express.use(compression());
      express.post("/one", cache.invalidateCache("accounts"), (_req, res) => answer(res.type("txt")));
      express.get("/list", cache.cacheList("accounts", { maxBodyBytes: PART.length }), (_req, res) => {
        res.type("txt").set("ETag", '"same"');
        written = pipeline(Readable.from(parts()), res);
      });
    });
  });
  afterAll(async () => {
    await app.close();
    await cache.close();
  });

  const parts = () => Array.from({ length: PARTS }, () => PART);

  async function mutated(): Promise<string> {
    const response = await begin(`${app.url}/one`, { "accept-encoding": "gzip" }, "POST");
    assert.equal(response.headers["content-encoding"], "gzip");
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk as Buffer);
    return gunzipSync(Buffer.concat(chunks)).toString();
  }

  test("an answer to a mutation that is piped has all of its body", async () => {
    answer = (res) => Readable.from(parts()).pipe(res);
    assert.equal(await mutated(), PART.repeat(PARTS));
  });

  test("who listens before the first part, or for one drain alone, hears of it once", async () => {
    let drains = 0;
    answer = async (res) => {
      res.on("drain", () => drains++);
      assert.equal(res.write("one "), false);
      await once(res, "drain");
      res.end("two");
    };
    assert.equal(await mutated(), "one two");
    assert.equal(drains, 1);
  });

  test("a body in whose place the client has had a 304 is read to its end", async () => {
    const headers = { "accept-encoding": "gzip", "if-none-match": '"same"' };
    const response = await begin(`${app.url}/list`, headers);
    assert.equal(response.statusCode, 304);
    response.resume();
    await written;
  });
});
