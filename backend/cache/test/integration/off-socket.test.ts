// Requests as frameworks make them off the socket, and those of HTTP/2: read as those of HTTP/1.1 sockets are.
import assert from "node:assert/strict";
import { once } from "node:events";
import http2 from "node:http2";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import express, { type Express } from "express";
import type { TenantCache } from "../../src/index.js";
import { openCache } from "../support/caches.js";
import { askOffSocket } from "../support/off-socket.js";

const STORED = "fwd=miss; stored";
const FOREIGN = "fwd=bypass; detail=authority";

describe("requests off the socket", () => {
  let cache: TenantCache;
  let app: Express;
  beforeAll(async () => {
    cache = await openCache("memory");
    app = express();
    const rows = "x".repeat(2000);
    app.get("/list", cache.cacheList("accounts"), (req, res) => {
      res.set("ETag", '"v1"').set("Last-Modified", "Fri, 01 Jan 2100 00:00:00 GMT").json([req.query, rows]);
    });
    app.get("/varied", cache.cacheList("accounts", { vary: ["X-Version"] }), (req, res) => {
      res.vary("X-Version").json(String(req.headers["x-version"]));
    });
    app.get("/obedient", cache.cacheList("accounts", { obeyRequest: true }), (_req, res) => res.json([]));
  });
  afterAll(() => cache.close());

  const ask = async (url: string, headers: Readonly<Record<string, unknown>> = {}, more = {}) => {
    const fields = { host: "api.example.com", "x-tenant": "tenant-1", ...headers };
    const answer = await askOffSocket(app, { url, headers: fields, ...more });
    await cache.idle();
    return answer;
  };

  test("a length of zero is no body, whatever its type", async () => {
    assert.equal((await ask("/list?zero", { "content-length": 0 })).cache, STORED);
    for (const length of [0, "0", ["0"], [0], undefined, null])
      assert.equal((await ask("/list?zero", { "content-length": length })).cache, "hit", String(length));
    for (const length of [1, "1", ["1"], "00", ""])
      assert.equal((await ask("/list?zero", { "content-length": length })).cache, "fwd=bypass; detail=body");
  });

  test("fields that are numbers or arrays are what they would be on the wire", async () => {
    await ask("/varied", { "x-version": "1" });
    for (const version of [1, "1", ["1"]])
      assert.equal((await ask("/varied", { "x-version": version })).cache, "hit");
    await ask("/varied", { "x-version": ["1", "2"] });
    assert.equal((await ask("/varied", { "x-version": "1, 2" })).cache, "hit");
    assert.equal((await ask("/varied", { "x-version": 2 })).body, '"2"');
    await ask("/list");
    const conditions = [
      { "if-none-match": ['"v0"', '"v1"'] },
      { "if-none-match": '"v1"' },
      { "if-modified-since": ["Fri, 01 Jan 2100 00:00:00 GMT"] },
    ];
    for (const condition of conditions)
      assert.equal((await ask("/list", condition)).status, 304, JSON.stringify(condition));
    for (const field of [5, ["a", "b"], null, {}]) {
      for (const name of [
        "if-none-match",
        "if-modified-since",
        "accept-encoding",
        "cache-control",
        "pragma",
        "cookie",
      ]) {
        const { status, cache } = await ask("/list", { [name]: field });
        assert.deepEqual([status, cache], [200, "hit"], `${name}: ${field}`);
        assert.equal((await ask("/obedient", { [name]: field })).status, 200, `${name}: ${field}`);
      }
    }
    assert.equal(
      (await ask("/obedient", { "cache-control": ["max-age=60", "no-store"] })).cache,
      "fwd=bypass; detail=request",
    );
  });

  test("the authority is one text in the field Host, also where there are no raw fields", async () => {
    await ask("/list?a");
    for (const rawHeaders of [undefined, [], ["Host", "api.example.com"]])
      assert.equal((await ask("/list?a", {}, { rawHeaders })).cache, "hit");
    assert.equal((await ask("/list?a", { host: "API.example.com:443" })).cache, "hit", "by TLS, as it says");
    assert.equal((await ask("/list?a", { host: "evil.example" })).cache, STORED);
    for (const host of [
      undefined,
      null,
      5,
      ["api.example.com"],
      ["api.example.com", "evil.example"],
      "a\nb",
      "a, b",
    ])
      assert.equal((await ask("/list?a", { host })).cache, FOREIGN, String(host));
    const rawHeaders = ["Host", "api.example.com", "HOST", "evil.example"];
    assert.equal((await ask("/list?a", {}, { rawHeaders })).cache, FOREIGN);
  });

  test("what a trusted proxy forwards is one text, too", async () => {
    app.set("trust proxy", true);
    const forwarded = (host: unknown, proto: unknown) =>
      ask("/list?b", { "x-forwarded-host": host, "x-forwarded-proto": proto });
    await forwarded("www.example.com", "https");
    assert.equal((await forwarded("www.example.com, inner", "https, http")).cache, "hit");
    for (const [host, proto] of [
      [["www.example.com"], "https"],
      ["www.example.com", ["https"]],
      [5, "https"],
      ["www.example.com\nx", "https"],
    ])
      assert.equal((await forwarded(host, proto)).cache, FOREIGN, JSON.stringify([host, proto]));
    app.set("trust proxy", false);
  });
});

describe("requests of HTTP/2", () => {
  const servers: http2.Http2Server[] = [];
  const caches: TenantCache[] = [];
  afterAll(async () => {
    for (const server of servers) server.close();
    for (const cache of caches) await cache.close();
  });

  /** Express's own prototypes are those of HTTP/1.1. */
  function http2App(): Express {
    const app = express();
    const on = (methods: object, prototype: object) =>
      Object.create(Object.create(prototype, Object.getOwnPropertyDescriptors(methods)), {
        app: { configurable: true, enumerable: true, writable: true, value: app },
      });
    return Object.assign(app, {
      request: on(express.request, http2.Http2ServerRequest.prototype),
      response: on(express.response, http2.Http2ServerResponse.prototype),
    });
  }

  async function serve(lane: boolean) {
    const cache = await openCache("memory", { tenant: () => "tenant-1" });
    caches.push(cache);
    const app = http2App();
    let runs = 0;
    let dispatched = 0;
    app.get("/list", cache.cacheList("accounts"), (req, res) => {
      runs++;
      // Express's own `send` says a status message, which HTTP/2 has not.
      res.setHeader("Content-Type", "text/plain");
      res.end(`of ${req.headers[":authority"]}`);
    });
    const counted = (req: never, res: never) => {
      dispatched++;
      app(req, res);
    };
    const listener = lane
      ? cache.lane(counted as never, { identify: () => ({ tenant: "tenant-1" }) })
      : counted;
    const server = http2.createServer(listener as never);
    servers.push(server);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const ask = async (fields: http2.OutgoingHttpHeaders, body?: string) => {
      const client = http2.connect(`http://127.0.0.1:${port}`);
      try {
        const stream = client.request({ ":path": "/list", ...fields }, { endStream: body === undefined });
        if (body !== undefined) stream.end(body);
        const [head] = (await once(stream, "response")) as [http2.IncomingHttpHeaders];
        let text = "";
        for await (const chunk of stream) text += chunk;
        await cache.idle();
        return {
          cache: String(head["cache-status"]).replace(/^express-tenant-cache; |; ttl=\d+$/g, ""),
          text,
        };
      } finally {
        client.close();
      }
    };
    return { ask, runs: () => runs, dispatched: () => dispatched };
  }

  for (const lane of [false, true]) {
    test(`their authority is in the key${lane ? ", also in the lane" : ""}`, async () => {
      const { ask, runs, dispatched } = await serve(lane);
      for (const authority of ["api.example.com", "evil.example", "api.example.com:8080"]) {
        assert.deepEqual(await ask({ ":authority": authority }), { cache: STORED, text: `of ${authority}` });
        assert.deepEqual(await ask({ ":authority": authority }), { cache: "hit", text: `of ${authority}` });
      }
      assert.equal(runs(), 3);
      const before = dispatched();
      assert.equal((await ask({ ":authority": "api.example.com" })).cache, "hit");
      assert.equal(dispatched() - before, lane ? 0 : 1);
      assert.equal((await ask({ ":authority": "api.example.com", ":scheme": "https" })).cache, STORED);
      assert.equal((await ask({ ":authority": "api.example.com", host: "api.example.com" })).cache, "hit");
      // RFC 9113 section 8.3.1: the two must not differ.
      for (const headers of [
        { ":authority": "api.example.com", host: "evil.example" },
        { ":authority": "user@api.example.com" },
      ]) {
        const cache = await ask(headers).then(
          (answer) => answer.cache,
          // From 26 on Node refuses such requests itself.
          (error: unknown) => (String(error).includes("NGHTTP2_PROTOCOL_ERROR") ? FOREIGN : error),
        );
        assert.equal(cache, FOREIGN);
      }
    });

    test(`their bodies need no length${lane ? ", also in the lane" : ""}`, async () => {
      const { ask } = await serve(lane);
      for (let time = 0; time < 3; time++) await ask({ ":authority": "api.example.com" });
      const { cache } = await ask({ ":authority": "api.example.com" }, '{"tenant":"tenant-2"}');
      assert.equal(cache, "fwd=bypass; detail=body");
      assert.equal((await ask({ ":authority": "api.example.com", "content-length": 0 }, "")).cache, "hit");
    });
  }
});
