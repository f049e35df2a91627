// What middleware behind `cacheList` changes at the last moment, when the head is written, is what is recorded, judged and shared.
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { describe, test } from "@jest/globals";
import type { Request, RequestHandler, Response } from "express";
import onHeaders from "on-headers";
import { afterTest } from "../../../servers/in-test.js";
import { openCache } from "../support/caches.js";
import { gate, serve } from "../support/http-app.js";
import { askPlainly } from "../support/plain-request.js";

type Change = (res: Response, req: Request) => unknown;

/** The ways in which packages wait for the head. */
const WAYS: Record<string, (change: Change) => RequestHandler> = {
  "on-headers": (change) => (req, res, next) => {
    onHeaders(res, () => void change(res, req));
    next();
  },
  "a wrapped writeHead": (change) => (req, res, next) => {
    const { writeHead } = res;
    res.writeHead = (...args: unknown[]) => {
      change(res, req);
      return Reflect.apply(writeHead, res, [res.statusCode, ...args.slice(1)]);
    };
    next();
  },
};

/** The ways in which handlers answer. */
const ANSWERS: Record<string, (res: Response) => unknown> = {
  json: (res) => res.json({ rows: [] }),
  "end in one": (res) => res.end("in one"),
  "write and end": (res) => {
    res.write("in ");
    res.end("parts");
  },
  "an explicit writeHead": (res) => res.writeHead(200, { "X-Given": "1" }).end("given"),
  "a pipe": (res) => Readable.from(["in ", "a pipe"]).pipe(res),
};

const UNSTORABLE: Record<string, Change> = {
  "no-store": (res) => res.set("Cache-Control", "no-store"),
  private: (res) => res.set("Cache-Control", "private"),
  "a cookie": (res) => res.append("Set-Cookie", "late=1"),
  "a Vary": (res) => res.vary("X-Role"),
  "an allowed origin": (res, req) => res.set("Access-Control-Allow-Origin", req.get("Origin")),
  "a status": (res) => {
    res.statusCode = 503;
  },
};

async function open(layer: RequestHandler, answer: (res: Response) => unknown) {
  const cache = await openCache("memory");
  let runs = 0;
  const held = gate();
  held.open();
  let hold: Promise<void> = held.passed;
  const app = await serve((express) => {
    express.use((_req, res, next) => {
      res.set("X-Flavour", "of the request");
      next();
    });
    express.get("/list", cache.cacheList("items"), layer, async (_req, res) => {
      runs++;
      await hold;
      answer(res);
    });
  });
  return {
    cache,
    app,
    url: `${app.url}/list`,
    runs: () => runs,
    holdUntil(passed: Promise<void>) {
      hold = passed;
    },
    async close() {
      await app.close();
      await cache.close();
    },
  };
}

for (const [way, late] of Object.entries(WAYS)) {
  describe(`a head that is changed late by ${way}`, () => {
    for (const [kind, answer] of Object.entries(ANSWERS)) {
      for (const [name, change] of Object.entries(UNSTORABLE)) {
        test(`${kind} with ${name}: neither stored nor shared, and not said to be stored`, async () => {
          const world = await open(late(change), answer);
          afterTest(() => world.close());
          const origin = { Origin: "https://one.example" };
          const held = gate();
          world.holdUntil(held.passed);
          const together = [askPlainly(world.url, origin), askPlainly(world.url, origin)];
          while ((await world.cache.stats()).totals.misses < 2) await new Promise(setImmediate);
          held.open();
          const answers = [...(await Promise.all(together)), await askPlainly(world.url, origin)];
          assert.deepEqual(
            answers.map(({ cache }) => /^fwd=miss; detail=[a-z-]+$/.test(cache)),
            [true, true, true],
          );
          assert.equal(world.runs(), 3);
        });
      }

      test(`${kind}: hits have the head that was sent`, async () => {
        const change: Change = (res) => {
          res.removeHeader("X-Flavour");
          res.set({ "X-Late": "added", "Content-Type": "text/x-late", "Access-Control-Allow-Origin": "*" });
        };
        const world = await open(late(change), answer);
        afterTest(() => world.close());
        const miss = await askPlainly(world.url);
        const hit = await askPlainly(world.url);
        assert.equal(hit.cache, "hit");
        assert.deepEqual([hit.status, hit.body], [miss.status, miss.body]);
        for (const name of ["x-late", "content-type", "access-control-allow-origin", "x-flavour"])
          assert.equal(hit.headers[name], miss.headers[name], name);
        assert.equal(hit.headers["x-flavour"], undefined);
        assert.match(String(hit.headers["content-type"]), /^text\/x-late/);
      });
    }

    test("a late status that may be stored is the status of hits", async () => {
      const change: Change = (res) => {
        res.statusCode = 203;
      };
      const cache = await openCache("memory");
      const app = await serve((express) => {
        express.get("/list", cache.cacheList("items", { statuses: [203] }), late(change), (_req, res) => {
          res.send("changed on the way");
        });
      });
      afterTest(async () => {
        await app.close();
        await cache.close();
      });
      assert.equal((await askPlainly(`${app.url}/list`)).status, 203);
      const hit = await askPlainly(`${app.url}/list`);
      assert.deepEqual([hit.status, hit.cache], [203, "hit"]);
    });

    test("it is changed once, and not again by the error page that follows a failure", async () => {
      const world = await open(
        late((res) => res.append("X-Count", "once")),
        (res) => res.send("whole"),
      );
      afterTest(() => world.close());
      const { headers } = await askPlainly(world.url);
      assert.equal(headers["x-count"], "once");
      assert.equal((await askPlainly(world.url)).headers["x-count"], "once");
    });

    test("a mutation invalidates by the status that leaves", async () => {
      const cache = await openCache("memory");
      let change: Change = () => undefined;
      const app = await serve((express) => {
        express.get("/list", cache.cacheList("items"), (_req, res) => res.send("v1"));
        const behind = late((res, req) => change(res, req));
        express.post("/list", cache.invalidateCache("items"), behind, (_req, res) => {
          res.status(400).json({});
        });
      });
      afterTest(async () => {
        await app.close();
        await cache.close();
      });
      const url = `${app.url}/list`;
      await askPlainly(url);
      assert.equal((await askPlainly(url, {}, "POST")).status, 400);
      assert.equal((await askPlainly(url)).cache, "hit", "nothing was changed");
      change = (res) => {
        res.statusCode = 202;
      };
      assert.equal((await askPlainly(url, {}, "POST")).status, 202);
      assert.equal((await askPlainly(url)).cache, "fwd=miss; stored");
    });

    test("middleware behind a mutation acts on its head once", async () => {
      const cache = await openCache("memory");
      const app = await serve((express) => {
        const behind = late((res) => res.append("X-Count", "once"));
        express.post("/list", cache.invalidateCache("items"), behind, (_req, res) => res.json({}));
      });
      afterTest(async () => {
        await app.close();
        await cache.close();
      });
      assert.equal((await askPlainly(`${app.url}/list`, {}, "POST")).headers["x-count"], "once");
    });
  });
}

/** What `writeHead` is given, by handlers and by what wraps it. */
const HEADS: Record<string, readonly unknown[]> = {
  "a status that is a text": ["404"],
  "a message": [200, "Fine", { "X-A": "1" }],
  "no message": [200, undefined, { "X-A": "1" }],
  "null for the message": [200, null, { "X-A": "1" }],
  "several values": [200, { "X-A": ["1", "2"] }],
  "a list": [200, ["X-A", "1", "X-B", ["2", "3"]]],
  "a list with a name that is repeated": [200, ["X-A", "1", "X-A", "2"]],
  pairs: [
    200,
    [
      ["X-A", "1"],
      ["X-A", "2"],
    ],
  ],
  "a status that is none": [99],
  "a name that is none": [200, { "X A": "1" }],
  "a value that is none": [200, { "X-A": undefined }],
  "a list with half a pair": [200, ["X-A", "1", "X-B"]],
  "a message that is none": [200, "a\nb"],
};

describe("writeHead", () => {
  for (const [name, args] of Object.entries(HEADS)) {
    for (const [kind, earlier] of [
      ["before any other header", {}],
      ["in the place of another header", { "X-A": "0" }],
    ] as const) {
      test(`${name}, ${kind}: as without the cache`, async () => {
        const cache = await openCache("memory");
        const app = await serve((express) => {
          express.disable("x-powered-by");
          const handler: RequestHandler = (_req, res) => {
            for (const [header, value] of Object.entries(earlier)) res.setHeader(header, value);
            let code = "none";
            try {
              Reflect.apply(res.writeHead, res, args);
            } catch (error) {
              code = String((error as NodeJS.ErrnoException).code);
              res.statusMessage = "Recovered";
            }
            res.end(`refused with: ${code}`);
          };
          express.get("/plain", handler);
          express.get("/list", cache.cacheList("items", { statuses: [200, 404] }), handler);
        });
        afterTest(async () => {
          await app.close();
          await cache.close();
        });
        const told = async (path: string) => {
          const { status, statusMessage, headers, body } = await askPlainly(app.url + path);
          return [status, statusMessage, headers["x-a"], headers["x-b"], body];
        };
        const plain = await told("/plain");
        assert.deepEqual(await told("/list"), plain);
        assert.deepEqual(await told("/list"), plain, "again");
        assert.equal((await cache.stats()).totals.hits, 1);
      });
    }
  }
});

describe("HTTP/2", () => {
  test("a late head is recorded, and nobody warns of a status message", async () => {
    const cache = await openCache("memory", { tenant: () => "tenant-1" });
    const warnings: Error[] = [];
    const onWarning = (warning: Error) => void warnings.push(warning);
    process.on("warning", onWarning);
    const cacheList = cache.cacheList("items");
    const server = createServer((req, res) => {
      Object.assign(req, { baseUrl: "", path: req.url, originalUrl: req.url });
      const handle = () => {
        onHeaders(res as never, () => res.setHeader("x-late", "added"));
        res.end("whole");
      };
      cacheList(req as never, res as never, handle);
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    afterTest(async () => {
      process.off("warning", onWarning);
      session.destroy();
      server.close();
      await cache.close();
    });
    for (const expected of ["fwd=miss; stored", "hit"]) {
      const stream = session.request({ ":path": "/list" });
      const [headers] = (await once(stream, "response")) as [Record<string, string>];
      stream.resume();
      await once(stream, "close");
      assert.ok(headers["cache-status"]?.includes(expected), headers["cache-status"]);
      assert.deepEqual([headers[":status"], headers["x-late"]], [200, "added"]);
    }
    assert.deepEqual(warnings, []);
  });
});
