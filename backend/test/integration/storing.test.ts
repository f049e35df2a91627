// What `cacheList` stores of what handlers answer, for how long, and what it leaves alone.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { after, before, describe, test } from "node:test";
import express from "express";
import { projectFile } from "../../project-root.js";
import { openCache, STORES } from "../support/caches.js";
import { type Answer, type ListApp, openListApp } from "../support/list-app.js";
import { askPlainly } from "../support/plain-request.js";

for (const store of STORES) {
  describe(`storing with the ${store} store`, () => {
    let list: ListApp;

    before(async () => {
      list = await openListApp(store, { "/gone": { statuses: [200, 404] } });
    });
    after(() => list.close());

    test("streams and parts are recorded; a handler without an ETag gets one", async () => {
      list.handle((_req, res) =>
        Readable.from(["one ", Buffer.from("two "), "three"]).pipe(res.type("text/plain")),
      );
      assert.equal((await list.request("/list/stream")).body, "one two three");
      const hit = await list.request("/list/stream");
      assert.deepEqual([hit.cache, hit.body], ["hit", "one two three"]);
      list.handle((_req, res) =>
        res.writeHead(200, { "Content-Type": "text/plain", "X-Raw": "1" }).end("raw"),
      );
      assert.match(
        (await list.request("/list/raw")).headers.get("etag") ?? "none",
        /^none$/,
        "headers were already written",
      );
      assert.equal((await list.request("/list/raw")).headers.get("x-raw"), "1");
      list.handle((_req, res) => res.end("ended"));
      const ended = await list.request("/list/ended");
      assert.match(ended.headers.get("etag") ?? "", /^W\/"/);
      assert.equal((await list.request("/list/ended")).headers.get("etag"), ended.headers.get("etag"));
    });

    const unstorable: Record<string, Answer> = {
      "an error status": (_req, res) => res.status(500).json({}),
      "404 where it is not declared": (_req, res) => res.status(404).json({}),
      "a cookie": (_req, res) => res.cookie("user", "1").json({}),
      "no-store": (_req, res) => res.set("Cache-Control", "no-store").json({}),
      private: (_req, res) => res.set("Cache-Control", "private, max-age=60").json({}),
      "Vary: *": (_req, res) => res.set("Vary", "*").json({}),
      "too large": (_req, res) => res.send("x".repeat(10_001)),
      "too large in parts": (_req, res) => Readable.from(["x".repeat(6000), "x".repeat(6000)]).pipe(res),
    };
    for (const [name, answer] of Object.entries(unstorable)) {
      test(`not stored, and passed on untouched: ${name}`, async () => {
        list.handle(answer);
        const path = `/list/unstorable-${name.replaceAll(/\W/g, "-")}`;
        const answers = [await list.request(path), await list.request(path)];
        assert.equal(list.runs, 2);
        assert.deepEqual(
          answers.map((one) => one.cache),
          ["fwd=miss", "fwd=miss"],
        );
        assert.equal(answers[0]?.body, answers[1]?.body);
      });
    }

    test("a response cut short is not stored", async () => {
      list.handle((_req, res) => {
        res.write("half");
        res.destroy();
      });
      await assert.rejects(list.request("/list/cut"));
      list.handle((_req, res) => res.send("whole"));
      const answer = await list.request("/list/cut");
      assert.deepEqual([answer.cache, answer.body], ["fwd=miss; stored", "whole"]);
    });

    test("s-maxage of the handler lowers the TTL", async () => {
      list.handle((_req, res) => res.set("Cache-Control", "public, s-maxage=7").json({}));
      await list.request("/list/s-maxage");
      const { headers } = await list.request("/list/s-maxage");
      assert.match(headers.get("cache-status") ?? "", /; hit; ttl=[67]$/);
      assert.equal(headers.get("cache-control"), "public, s-maxage=7");
    });

    test("max-age and Expires lower the TTL too; Age counts against it; max-age=0 forbids, but for sendFile's default", async () => {
      const expectTtl = async (name: string, headers: Record<string, string>, expected: RegExp) => {
        list.handle((_req, res) => res.set(headers).send("x"));
        await list.request(`/list/freshness-${name}`);
        const { headers: answered } = await list.request(`/list/freshness-${name}`);
        assert.match(answered.get("cache-status") ?? "", expected, name);
      };
      await expectTtl("max-age", { "Cache-Control": "max-age=20" }, /; hit; ttl=(19|20)$/);
      await expectTtl("age", { "Cache-Control": "max-age=20", Age: "15" }, /; hit; ttl=[45]$/);
      await expectTtl(
        "expires",
        { Expires: new Date(Date.now() + 30_000).toUTCString() },
        /; hit; ttl=(28|29|30)$/,
      );
      await expectTtl("send", { "Cache-Control": "public, max-age=0" }, /; hit; ttl=(179|180)$/);
      await expectTtl("zero", { "Cache-Control": "max-age=0" }, /fwd=miss$/);
      await expectTtl("invalid", { "Cache-Control": "max-age=soon" }, /fwd=miss$/);
      await expectTtl("too-old", { "Cache-Control": "max-age=20", Age: "20" }, /fwd=miss$/);
      await expectTtl("expired", { Expires: "0" }, /fwd=miss$/);
      await expectTtl("no-cache", { "Cache-Control": 'no-cache="Set-Cookie, X"' }, /fwd=miss$/);
    });

    test("a file that Express sends is recorded whole", async () => {
      list.handle((_req, res) => res.sendFile(projectFile("LICENSE")));
      const miss = await list.request("/list/file");
      const hit = await list.request("/list/file");
      assert.deepEqual([hit.cache, hit.body], ["hit", miss.body]);
      assert.equal(hit.headers.get("last-modified"), miss.headers.get("last-modified"));
      const since = { "if-modified-since": hit.headers.get("last-modified") ?? "" };
      assert.equal((await list.request("/list/file", { headers: since })).status, 304);
      const other = { ...since, "if-none-match": '"other"' };
      assert.equal(
        (await list.request("/list/file", { headers: other })).status,
        200,
        "If-None-Match takes precedence",
      );
      assert.equal(list.runs, 1);
    });

    test("declared statuses are stored with their status", async () => {
      list.handle((_req, res) => res.status(404).json({ title: "Not Found" }));
      await list.request("/gone");
      const hit = await list.request("/gone");
      assert.deepEqual([hit.status, hit.cache], [404, "hit"]);
    });
  });
}

test("a server that refuses bodies where there are none sends a stored 204", async (t) => {
  const cache = await openCache("memory");
  const app = express();
  app.get("/none", cache.cacheList("accounts", { statuses: [204] }), (_req, res) => res.status(204).end());
  const server = createServer({ rejectNonStandardBodyWrites: true }, app as RequestListener);
  await once(server.listen(0, "127.0.0.1"), "listening");
  t.after(async () => {
    server.close();
    await cache.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/none`;
  for (const expected of ["fwd=miss; stored", "hit", "hit"]) {
    const { status, cache: said } = await askPlainly(url);
    assert.deepEqual([status, said], [204, expected]);
  }
});
