// The recorder: what is recorded is what went to the client, whatever parts and methods a handler answers by; or nothing is.
import assert from "node:assert/strict";
import { once } from "node:events";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import type { Response } from "express";
import { gate } from "../support/http-app.js";
import { type Answer, type ListApp, openListApp } from "../support/list-app.js";
import { askPlainly, begin } from "../support/plain-request.js";

describe("the recorder", () => {
  let list: ListApp;
  let paths = 0;

  beforeAll(async () => {
    list = await openListApp("memory", { "/failing": { ttlSeconds: 180, staleIfError: 60 } });
  });
  afterAll(() => list.close());

  /** What two requests get, the second from the entry if there is one. */
  async function twice(answer: Answer, method = "GET") {
    const url = `${list.url}/list/recorder-${paths++}`;
    list.handle(answer);
    return [await askPlainly(url, {}, method), await askPlainly(url, {}, method)] as const;
  }
  const parts = (write: (res: Response) => unknown): Answer => {
    return (_req, res) => write(res.type("text/plain"));
  };

  const answers: Record<string, [answer: Answer, body: string]> = {
    "in one": [parts((res) => res.end("one")), "one"],
    "in parts of every kind": [
      parts((res) => {
        res.write("a");
        res.write(Buffer.from("b"));
        res.write(new Uint8Array([99]));
        res.write("ZA==", "base64");
        res.end("65", "hex");
      }),
      "abcde",
    ],
    "behind a head of its own": [
      parts((res) => res.writeHead(200, "Fine", { "X-Raw": "1" }).end("raw")),
      "raw",
    ],
    "with a length, in parts": [
      parts((res) => {
        res.set("Content-Length", "4").write("ab");
        res.end("cd");
      }),
      "abcd",
    ],
    "without a body": [parts((res) => res.end()), ""],
    "with functions that wait for each part": [
      parts(async (res) => {
        const sent = gate();
        res.write("first ", () => sent.open());
        await sent.passed;
        res.end("last", () => undefined);
      }),
      "first last",
    ],
    "in bytes whose encoding is called so": [
      parts((res) => {
        res.write(Buffer.from("by"), "buffer" as never);
        res.end(Buffer.from("tes"), "buffer" as never);
      }),
      "bytes",
    ],
    "in the place of an end that was refused": [
      parts((res) => {
        res.statusCode = 1234;
        assert.throws(() => res.end("refused"));
        res.status(200).end("sent");
      }),
      "sent",
    ],
    "in the place of a part that was refused": [
      parts((res) => {
        res.statusMessage = "two\nlines";
        assert.throws(() => res.write("refused"));
        res.statusMessage = "";
        res.write("se");
        res.end("nt");
      }),
      "sent",
    ],
  };
  for (const [name, [answer, body]] of Object.entries(answers)) {
    test(`an answer ${name} is replayed as it was sent`, async () => {
      const [miss, hit] = await twice(answer);
      assert.match(miss.cache, /^fwd=miss/);
      assert.equal(hit.cache, "hit");
      assert.deepEqual([miss.body, hit.body], [body, body]);
      assert.equal(hit.statusMessage, miss.statusMessage);
      assert.equal(hit.headers["content-type"], miss.headers["content-type"]);
      assert.equal(hit.headers["x-raw"], miss.headers["x-raw"]);
      assert.equal(list.runs, 1);
    });
  }

  test("an empty reason phrase goes to the client as the handler says it; hits have the status's own", async () => {
    const [miss, hit] = await twice(parts((res) => res.writeHead(200, "").end("no words")));
    assert.deepEqual([miss.statusMessage, hit.statusMessage, hit.cache], ["", "OK", "hit"]);
    const [first, second] = await twice(
      parts((res) => res.writeHead(200, "", { "Cache-Control": "no-store" }).end("no words")),
    );
    assert.deepEqual([first.statusMessage, second.statusMessage], ["", ""]);
  });

  test("what the handler writes from is copied", async () => {
    const buffer = Buffer.alloc(3);
    const [miss, hit] = await twice(
      parts(async (res) => {
        for (const text of ["one", "two"]) {
          buffer.write(text);
          const sent = gate();
          res.write(buffer, () => sent.open());
          await sent.passed;
        }
        buffer.fill("x");
        res.end();
      }),
    );
    assert.deepEqual([miss.body, hit.body, hit.cache], ["onetwo", "onetwo", "hit"]);
  });

  test("headers are the handler's: those of middleware in front, of the connection and of one client are not kept", async () => {
    const [miss, hit] = await twice((_req, res) => {
      res.set({ "X-List": "of-the-entry", Connection: "close, X-Hop", "X-Hop": "1" });
      res.removeHeader("X-Powered-By");
      res.append("X-Two", "a");
      res.append("X-Two", "b");
      res.send("x");
    });
    assert.deepEqual([miss.headers["x-hop"], hit.headers["x-hop"]], ["1", undefined]);
    assert.equal(hit.headers["x-list"], "of-the-entry");
    assert.equal(hit.headers["x-two"], "a, b");
    assert.equal(hit.headers["x-powered-by"], undefined, "removed in the entry, too");
    assert.notEqual(hit.headers["x-request-id"], miss.headers["x-request-id"]);
    assert.equal(String(hit.headers["set-cookie"]), "session=of-this-request");
  });

  const unrecorded: Record<string, Answer> = {
    "a body longer than its length": parts((res) => {
      res.set("Content-Length", "2").write("ab");
      res.end("cd");
    }),
    trailers: parts((res) => {
      res.write("x");
      res.addTrailers({ "X-Sum": "1" });
      res.end();
    }),
    "a body that becomes too large on the way": parts((res) => {
      for (let part = 0; part < 3; part++) res.write("x".repeat(4000));
      res.end();
    }),
  };
  for (const [name, answer] of Object.entries(unrecorded)) {
    test(`nothing is recorded of ${name}`, async () => {
      const [, second] = await twice(answer);
      assert.match(second.cache, /^fwd=miss; detail=(?:streamed|trailers)$/);
      assert.equal(list.runs, 2);
    });
  }

  test("what Node refuses is thrown to the handler, and what it answers then goes out", async () => {
    const refused: readonly ((res: Response) => unknown)[] = [
      (res) => res.write(7 as never),
      (res) => res.end({} as never),
      (res) => res.writeHead(99).end(),
    ];
    for (const write of refused) {
      let thrown = 0;
      const answers = await twice((_req, res) => {
        try {
          write(res);
        } catch {
          thrown++;
          res.status(500).send("error page");
        }
      });
      assert.deepEqual([thrown, list.runs], [2, 2], String(write));
      for (const { status, body, cache } of answers)
        assert.deepEqual(
          [status, body, cache],
          [500, "error page", "fwd=miss; detail=status"],
          String(write),
        );
    }
  });

  test("text in an encoding that there is not: cut short as without the cache, and not recorded", async () => {
    list.handle((_req, res) => {
      assert.throws(() => res.write("x", "no-encoding" as BufferEncoding), { code: "ERR_UNKNOWN_ENCODING" });
      res.destroy();
    });
    await assert.rejects(list.request("/list/encoding"));
    list.handle((_req, res) => res.send("whole"));
    assert.equal((await list.request("/list/encoding")).body, "whole");
  });

  test("a client that goes before the end leaves no entry", async () => {
    const gone = gate();
    list.handle(async (_req, res) => {
      res.write("half");
      await once(res, "close");
      res.end("late");
      gone.open();
    });
    const response = await begin(`${list.url}/list/gone`);
    response.on("error", () => undefined);
    response.destroy();
    await gone.passed;
    list.handle((_req, res) => res.send("whole"));
    assert.deepEqual((await list.request("/list/gone")).body, "whole");
  });

  test("HEAD gets the head that GET gets, and stores nothing", async () => {
    const [head, again] = await twice((_req, res) => res.send("text"), "HEAD");
    assert.deepEqual([head.body, head.headers["content-length"]], ["", "4"]);
    assert.equal(again.cache, "fwd=miss; detail=head");
    assert.equal(list.runs, 2);
  });

  test.each([204, 304])(
    "HEAD of a %i has no length, as GET has none, whatever is written",
    async (status) => {
      for (const method of ["HEAD", "GET"]) {
        const [answered] = await twice((_req, res) => res.status(status).end("text"), method);
        assert.deepEqual([answered.status, answered.headers["content-length"]], [status, undefined]);
      }
    },
  );

  test("a handler that goes on writing behind a 304 is heard to its end, and what it wrote is the entry", async () => {
    const etag = '"v1"';
    const url = `${list.url}/list/not-modified`;
    const waited: string[] = [];
    list.handle(async (_req, res) => {
      res.set("ETag", etag);
      const sent = gate();
      res.write("one ", () => sent.open());
      await sent.passed;
      waited.push("written");
      res.end("two", () => waited.push("ended"));
    });
    const conditional = await askPlainly(url, { "If-None-Match": etag });
    assert.deepEqual([conditional.status, conditional.body], [304, ""]);
    const hit = await askPlainly(url);
    assert.deepEqual([hit.status, hit.body, hit.cache], [200, "one two", "hit"]);
    assert.deepEqual([waited[0], list.runs], ["written", 1]);
  });

  test("a stale entry in a failure's place: what the failed handler still writes goes nowhere", async () => {
    const url = `${list.url}/failing`;
    list.handle((_req, res) => res.set({ "Cache-Control": "max-age=10", Age: "9" }).send("before"));
    await askPlainly(url);
    // Until it is stale by the clock that it was made with.
    list.handle(async (_req, res) => {
      res.status(500);
      const sent = gate();
      res.write("broken ", () => sent.open());
      await sent.passed;
      res.end("for good", () => undefined);
    });
    let answer = await askPlainly(url);
    while (answer.cache === "hit") answer = await askPlainly(url);
    assert.deepEqual([answer.status, answer.body], [200, "before"]);
    assert.equal(answer.cache, "fwd=stale; detail=stale-if-error");
  });
});
