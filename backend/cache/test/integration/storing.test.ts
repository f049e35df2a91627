// What `cacheList` stores of what handlers answer, for how long, and what it leaves alone.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import express, { type Response } from "express";
import { projectFile } from "../../../project-root.js";
import { afterTest } from "../../../servers/in-test.js";
import { openCache, STORES } from "../support/caches.js";
import { type Answer, type ListApp, openListApp } from "../support/list-app.js";
import { askPlainly } from "../support/plain-request.js";
import { timeLeft } from "../support/time-left.js";

/** What Cache-Status says of a hit. */
function ttlOf(headers: Headers): number | undefined {
  const [, seconds] = /; hit; ttl=(\d+)$/.exec(headers.get("cache-status") ?? "") ?? [];
  return seconds === undefined ? undefined : Number(seconds);
}

/** All that the server sends, also behind the end that the head names. */
async function answerTo(port: number, path: string): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\nX-Tenant: tenant-1\r\nConnection: close\r\n\r\n`);
  return text(socket);
}

for (const store of STORES) {
  describe(`storing with the ${store} store`, () => {
    let list: ListApp;

    beforeAll(async () => {
      list = await openListApp(store, { "/gone": { statuses: [200, 404] } });
    });
    afterAll(() => list.close());

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

    const unstorable: Record<string, [detail: string, answer: Answer]> = {
      "an error status": ["status", (_req, res) => res.status(500).json({})],
      "404 where it is not declared": ["status", (_req, res) => res.status(404).json({})],
      "a cookie": ["set-cookie", (_req, res) => res.cookie("user", "1").json({})],
      "no-store": ["no-store", (_req, res) => res.set("Cache-Control", "no-store").json({})],
      private: ["private", (_req, res) => res.set("Cache-Control", "private, max-age=60").json({})],
      "Vary: *": ["vary", (_req, res) => res.set("Vary", "*").json({})],
      "too large": ["too-large", (_req, res) => res.send("x".repeat(10_001))],
      "too large in parts": [
        "streamed",
        (_req, res) => Readable.from(["x".repeat(6000), "x".repeat(6000)]).pipe(res),
      ],
    };
    for (const [name, [detail, answer]] of Object.entries(unstorable)) {
      test(`not stored, and passed on untouched: ${name}`, async () => {
        list.handle(answer);
        const path = `/list/unstorable-${name.replaceAll(/\W/g, "-")}`;
        const answers = [await list.request(path), await list.request(path)];
        assert.equal(list.runs, 2);
        assert.deepEqual(
          answers.map((one) => one.cache),
          [`fwd=miss; detail=${detail}`, `fwd=miss; detail=${detail}`],
        );
        assert.equal(answers[0]?.body, answers[1]?.body);
      });
    }

    test("a body that is not as long as its Content-Length is not stored, and is not said to be", async () => {
      const port = Number(new URL(list.url).port);
      for (const length of ["3", "9"])
        for (const [detail, end] of [
          ["length", (res: Response) => res.end("five5")],
          ["streamed", (res: Response) => res.write("five") && res.end("5")],
        ] as const) {
          list.handle((_req, res) => end(res.set("Content-Length", length)));
          const path = `/list/${detail}-${length}`;
          for (let time = 0; time < 2; time++)
            assert.match(await answerTo(port, path), new RegExp(`cache; fwd=miss; detail=${detail}\r\n`));
          assert.equal(list.runs, 2);
          const { miss } = await list.cache.explain({ app: list.express, url: path, tenant: "tenant-1" });
          assert.deepEqual([miss?.reason, miss?.detail], ["unstorable", "length"]);
        }
    });

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

    const cuts: Record<string, Answer> = {
      "the response": (_req, res) => void res.destroy(),
      "the socket, as Express's error page does": (req) => void req.socket.destroy(),
      "the response's socket": (_req, res) => void res.socket?.destroy(),
    };
    for (const [name, cut] of Object.entries(cuts))
      test(`an answer that is cut off and then ended is not stored: ${name} is destroyed`, async () => {
        const path = `/list/cut-off-${name.replaceAll(/\W/g, "-")}`;
        list.handle((req, res) => {
          res.write("half");
          cut(req, res);
          res.end("the other half");
        });
        await assert.rejects(list.request(path));
        list.handle((_req, res) => res.send("whole"));
        const answer = await list.request(path);
        assert.deepEqual([answer.cache, answer.body], ["fwd=miss; stored", "whole"]);
      });

    test("s-maxage of the handler lowers the TTL", async () => {
      list.handle((_req, res) => res.set("Cache-Control", "public, s-maxage=70").json({}));
      const assertLeft = timeLeft();
      await list.request("/list/s-maxage");
      const { headers } = await list.request("/list/s-maxage");
      assertLeft(ttlOf(headers), 70);
      assert.equal(headers.get("cache-control"), "public, s-maxage=70");
    });

    test("max-age and Expires lower the TTL too; Age counts against it; max-age=0 forbids, but for sendFile's default", async () => {
      const readTwice = async (name: string, headers: Record<string, string>) => {
        list.handle((_req, res) => res.set(headers).send("x"));
        await list.request(`/list/freshness-${name}`);
        return list.request(`/list/freshness-${name}`);
      };
      const given: [name: string, headers: Record<string, string>, ttlSeconds: number][] = [
        ["max-age", { "Cache-Control": "max-age=100" }, 100],
        ["age", { "Cache-Control": "max-age=100", Age: "20" }, 80],
        ["send", { "Cache-Control": "public, max-age=0" }, 180],
      ];
      for (const [name, headers, ttlSeconds] of given) {
        const assertLeft = timeLeft();
        assertLeft(ttlOf((await readTwice(name, headers)).headers), ttlSeconds);
      }
      const assertLeft = timeLeft();
      const expires = new Date(Date.now() + 100_000).toUTCString();
      // Neither a date nor a lifetime has parts of a second: up to two less are left at once.
      const left = ttlOf((await readTwice("expires", { Expires: expires })).headers);
      assertLeft(left === undefined ? left : Math.min(left + 2, 100), 100);
      const forbidden: [name: string, headers: Record<string, string>][] = [
        ["zero", { "Cache-Control": "max-age=0" }],
        ["invalid", { "Cache-Control": "max-age=soon" }],
        ["too-old", { "Cache-Control": "max-age=20", Age: "20" }],
        ["expired", { Expires: "0" }],
        ["no-cache", { "Cache-Control": 'no-cache="Set-Cookie, X"' }],
      ];
      for (const [name, headers] of forbidden)
        assert.equal(
          (await readTwice(name, headers)).cache,
          `fwd=miss; detail=${name === "no-cache" ? name : "ttl-zero"}`,
          name,
        );
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

test("a server that refuses bodies where there are none sends a stored 204", async () => {
  const cache = await openCache("memory");
  const app = express();
  app.get("/none", cache.cacheList("accounts", { statuses: [204] }), (_req, res) => res.status(204).end());
  const server = createServer({ rejectNonStandardBodyWrites: true }, app as RequestListener);
  await once(server.listen(0, "127.0.0.1"), "listening");
  afterTest(async () => {
    server.close();
    await cache.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/none`;
  for (const expected of ["fwd=miss; stored", "hit", "hit"]) {
    const { status, cache: said } = await askPlainly(url);
    assert.deepEqual([status, said], [204, expected]);
  }
});
