// Answers over HTTP/2, whose responses call their own `write` from `end`: held, recorded and replayed whole.
import assert from "node:assert/strict";
import { once } from "node:events";
import http2 from "node:http2";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import type { NextFunction, RequestHandler, Response } from "express";
import type { TenantCache } from "../../src/index.js";
import { openCache } from "../support/caches.js";

/** What its types leave out. */
interface Http2Response extends http2.Http2ServerResponse {
  flushHeaders(): void;
  setTrailer(name: string, value: string): void;
}

type Answer = (res: Http2Response) => unknown;

describe("answers over HTTP/2", () => {
  let cache: TenantCache;
  let server: http2.Http2Server;
  let runs = 0;
  const failures: unknown[] = [];
  let answer: Answer = () => undefined;

  beforeAll(async () => {
    cache = await openCache("memory", { tenant: () => "tenant-1" });
    const list = cache.cacheList("accounts");
    const change = cache.invalidateCache("accounts");
    server = http2.createServer((req, res) => {
      const next = (error?: unknown) => {
        if (error !== undefined) return void res.writeHead(500).end("error page");
        runs++;
        try {
          answer(res as Http2Response);
        } catch (thrown) {
          // Nobody waits for what will not come.
          failures.push(thrown);
          res.stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR);
        }
      };
      const middleware: RequestHandler = req.method === "POST" ? change : list;
      middleware(req as never, res as never as Response, next as NextFunction);
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
  });
  afterAll(async () => {
    server.close();
    await once(server, "close");
    await cache.close();
  });

  async function ask(method: string, path: string, by: Answer) {
    answer = by;
    const client = http2.connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    try {
      const stream = client.request({ ":path": path, ":method": method });
      let trailers: Record<string, unknown> = {};
      stream.on("trailers", (fields: object) => {
        trailers = Object.fromEntries(Object.entries(fields));
      });
      const [head] = (await once(stream, "response")) as [http2.IncomingHttpHeaders];
      const body = (await buffer(stream)).toString();
      await cache.idle();
      assert.deepEqual(failures, []);
      return { status: head[":status"], head, body, trailers };
    } finally {
      client.close();
    }
  }

  const ways: Record<string, [answer: Answer, body: string]> = {
    "in one": [(res) => res.end("whole"), "whole"],
    "in one, with a length": [(res) => res.writeHead(200, { "content-length": 5 }).end("whole"), "whole"],
    "in parts": [
      (res) => {
        res.write("the ");
        res.end("whole");
      },
      "the whole",
    ],
    "behind a head that is flushed": [
      (res) => {
        res.flushHeaders();
        setImmediate(() => res.end("whole"));
      },
      "whole",
    ],
    "in the place of a part that was refused": [
      (res) => {
        assert.throws(() => res.write(7 as never), { code: "ERR_INVALID_ARG_TYPE" });
        res.end("whole");
      },
      "whole",
    ],
  };
  for (const [name, [by, body]] of Object.entries(ways)) {
    test(`${name}: a mutation's answer has all of its body`, async () => {
      const answered = await ask("POST", "/one", by);
      assert.deepEqual([answered.status, answered.body], [200, body]);
    });

    test(`${name}: a list is what its handler wrote, again and again`, async () => {
      for (let time = 0; time < 3; time++) assert.equal((await ask("GET", `/${name.length}`, by)).body, body);
    });
  }

  test("letters beyond ASCII in its head are on hits as they were", async () => {
    const before = runs;
    const fileName = 'attachment; filename="\xe9lan.csv"';
    for (let time = 0; time < 2; time++) {
      const { head } = await ask("GET", "/letters", (res) => {
        res.setHeader("content-disposition", fileName);
        res.end("text");
      });
      assert.equal(head["content-disposition"], fileName);
    }
    assert.equal(runs - before, 1);
  });

  test("HEAD of a 204 has no length, which HTTP/2 refuses, whatever the handler writes", async () => {
    const { status } = await ask("HEAD", "/no-content", (res) => {
      res.statusCode = 204;
      res.end("text");
    });
    assert.equal(status, 204);
  });

  test("an answer with trailers is not stored, however they are set", async () => {
    const setters: Answer[] = [
      (res) => res.addTrailers({ "x-checksum": "1" }),
      (res) => res.setTrailer("x-checksum", "1"),
    ];
    for (const [index, set] of setters.entries()) {
      const before = runs;
      for (let time = 0; time < 2; time++) {
        const { body, trailers } = await ask("GET", `/trailers-${index}`, (res) => {
          res.write("the ");
          set(res);
          res.end("whole");
        });
        assert.deepEqual([body, trailers], ["the whole", { "x-checksum": "1" }]);
      }
      assert.equal(runs - before, 2);
    }
  });
});
