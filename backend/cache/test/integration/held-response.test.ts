// Answers to mutations are held until their fences are set: whatever the handler begins by, no byte of it goes out before.
import assert from "node:assert/strict";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { createGunzip } from "node:zlib";
import { afterAll, beforeAll, beforeEach, describe, test } from "@jest/globals";
import compression from "compression";
import type { Request, RequestHandler, Response } from "express";
import type { TenantCache } from "../../src/index.js";
import { openCache, STORES } from "../support/caches.js";
import { gate, type HttpApp, serve } from "../support/http-app.js";
import { askPlainly, begin, type PlainAnswer } from "../support/plain-request.js";

for (const store of STORES) {
  describe(`held answers with the ${store} store`, () => {
    let cache: TenantCache;
    let app: HttpApp;
    let version = 0;
    let mutate: (req: Request, res: Response) => unknown = () => undefined;
    /** What the app's error handler was given. */
    const errors: unknown[] = [];

    beforeAll(async () => {
      cache = await openCache(store);
      app = await serve((express) => {
        express.get("/list", cache.cacheList("accounts"), (_req, res) => res.json(version));
        express.post("/one", cache.invalidateCache("accounts"), (req, res) => mutate(req, res));
        const wrapped: RequestHandler = (_req, res, next) => {
          const { write } = res;
          res.write = (...args: unknown[]) => Reflect.apply(write, res, args);
          next();
        };
        express.post("/wrapped", wrapped, cache.invalidateCache("accounts"), (req, res) => mutate(req, res));
        express.post(
          "/packed",
          compression({ threshold: 0 }),
          cache.invalidateCache("accounts"),
          (req, res) => mutate(req, res),
        );
        express.use((error: unknown, _req: Request, res: Response, _next: () => void) => {
          errors.push(error);
          if (!res.headersSent) res.status(500).send("error page");
          else res.destroy();
        });
      });
    });
    afterAll(async () => {
      await app.close();
      await cache.close();
    });
    beforeEach(async () => {
      errors.length = 0;
      await read();
      assert.equal((await read()).cache, "hit");
    });

    const read = () => askPlainly(`${app.url}/list`);
    const mutation = (answer: typeof mutate, path = "/one"): Promise<PlainAnswer> => {
      mutate = answer;
      return askPlainly(`${app.url}${path}`, {}, "POST");
    };
    /** Whoever has the mutation's answer reads what it has changed. */
    async function assertFresh(): Promise<void> {
      assert.equal((await read()).body, String(version));
    }

    test("what is flushed behind a held part goes out with it, through compression in front", async () => {
      const received = gate();
      mutate = async (_req, res) => {
        version++;
        res.type("text/plain").write("first");
        (res as Response & { flush(): void }).flush();
        await received.passed;
        res.end(" last");
      };
      const answer = await begin(`${app.url}/packed`, { "accept-encoding": "gzip" }, "POST");
      await assertFresh();
      const unpacked = answer.pipe(createGunzip());
      const [first] = (await once(unpacked, "data")) as [Buffer];
      assert.equal(first.toString(), "first");
      received.open();
      assert.equal(await text(unpacked), " last");
    });

    const ways: Record<string, (res: Response) => unknown> = {
      json: (res) => res.status(201).json({}),
      "end alone": (res) => res.status(201).end(),
      "writeHead and end": (res) => res.writeHead(201, { "X-Own": "1" }).end("{}"),
      "parts in one go": (res) => {
        res.status(201).write("{");
        res.end("}");
      },
      "flushHeaders, and the end in one go": (res) => {
        res.status(201).flushHeaders();
        res.end("{}");
      },
      "flushHeaders twice, a part and the end": (res) => {
        res.status(201).flushHeaders();
        res.flushHeaders();
        res.write("{");
        res.end("}");
      },
    };
    for (const [name, answer] of Object.entries(ways)) {
      test(`an answer by ${name}: nothing of it before the fence, all of it after`, async () => {
        const seen: string[] = [];
        const answered = await mutation((_req, res) => {
          version++;
          const { socket } = res;
          assert.ok(socket);
          const write = socket.write.bind(socket);
          socket.write = ((...args: Parameters<typeof write>) => {
            seen.push("sent");
            return write(...args);
          }) as typeof write;
          answer(res);
          seen.push("handler done");
        });
        assert.deepEqual(seen.slice(0, 2), ["handler done", "sent"]);
        assert.equal(answered.status, 201);
        assert.match(answered.body, /^(?:\{\})?$/);
        await assertFresh();
      });
    }

    test("flushHeaders lets the head go alone; what changes behind it is covered by the end", async () => {
      const headSeen = gate();
      mutate = async (_req, res) => {
        version++;
        res.status(202).flushHeaders();
        assert.equal(res.headersSent, true, "no error handler puts another answer behind it");
        await headSeen.passed;
        version++;
        res.end("done");
      };
      const response = await begin(`${app.url}/one`, {}, "POST");
      assert.equal(response.statusCode, 202);
      // The client has the head: what it reads now it reads after the first change, and that is stored.
      await assertFresh();
      headSeen.open();
      const chunks: Buffer[] = [];
      for await (const chunk of response) chunks.push(chunk as Buffer);
      assert.equal(Buffer.concat(chunks).toString(), "done");
      await assertFresh();
    });

    test("a writer that is told to wait hears when it may go on, once", async () => {
      let drains = 0;
      const { body } = await mutation(async (_req, res) => {
        version++;
        res.on("drain", () => drains++);
        assert.equal(res.write("one "), false);
        assert.equal(res.write("two "), false);
        await once(res, "drain");
        res.end("three");
      });
      assert.equal(body, "one two three");
      assert.equal(drains, 1);
      await assertFresh();
    });

    test("status and headers are those of the end, whatever is done to them while it is held", async () => {
      const answered = await mutation((_req, res) => {
        version++;
        res.status(201).set("X-Mine", "1").json({ id: 1 });
        res.statusMessage = "Changed";
        res.status(500).set({ "X-Mine": "2", "X-More": "1" });
        res.removeHeader("Content-Type");
        res.writeHead(500);
        res.end("another end");
      });
      assert.deepEqual(
        [answered.status, answered.statusMessage, answered.body],
        [201, "Created", '{"id":1}'],
      );
      assert.deepEqual([answered.headers["x-mine"], answered.headers["x-more"]], ["1", undefined]);
      assert.match(String(answered.headers["content-type"]), /json/);
      await assertFresh();
    });

    test("what comes behind the end is not heard", async () => {
      const { body } = await mutation((_req, res) => {
        version++;
        res.end("end");
        assert.equal(res.write("late"), false);
        res.flushHeaders();
        assert.equal(res.end("later"), res);
      });
      assert.equal(body, "end");
      await assertFresh();
    });

    test("whoever waits for what comes behind the end hears of it", async () => {
      const called: string[] = [];
      const closed = gate();
      await mutation((_req, res) => {
        version++;
        res.once("close", () => closed.open());
        res.end("end", () => called.push("end"));
        res.write("late", () => called.push("write"));
        res.end(() => called.push("another end"));
      });
      await closed.passed;
      // Node 26 calls the first one earlier than Node 24 does.
      assert.deepEqual(called.sort(), ["another end", "end", "write"]);
      await assertFresh();
    });

    const refused: Record<string, (res: Response) => unknown> = {
      "a part that is none": (res) => res.write(null as never),
      "a part of another type": (res) => res.write(7 as never),
      "an end of another type": (res) => res.end({} as never),
      "a part in no encoding": (res) => res.write("x", "none" as never),
      "an end in no encoding": (res) => res.end("x", "none" as never),
      "a status message of two lines": (res) => {
        res.statusMessage = "two\nlines";
        res.end("x");
      },
    };
    for (const [name, refuse] of Object.entries(refused)) {
      test(`${name} is refused at once, and another answer may follow`, async () => {
        const answered = await mutation((_req, res) => {
          version++;
          assert.throws(() => refuse(res), { name: "TypeError" });
          res.statusMessage = "Changed";
          res.status(202).write("another ");
          res.end("answer");
        });
        assert.deepEqual([answered.status, answered.body], [202, "another answer"]);
        assert.deepEqual(errors, []);
        await assertFresh();
      });
    }

    test("an error page in the place of what was refused when it was let go has a head", async () => {
      const answered = await mutation((_req, res) => {
        version++;
        res.write(7 as never);
        res.status(201).end("x");
      }, "/wrapped");
      assert.deepEqual([answered.status, answered.body], [500, "error page"]);
      assert.equal(errors.length, 1);
      await assertFresh();
    });

    test("what Node refuses when the answer is let go reaches the error handler", async () => {
      const answered = await mutation((_req, res) => {
        version++;
        res.end(7 as never);
      });
      assert.deepEqual([answered.status, answered.body], [500, "error page"]);
      assert.equal(errors.length, 1);
      await assertFresh();
    });

    test("a connection that goes before the handler has answered invalidates all the same", async () => {
      const gone = gate();
      const url = new URL(`${app.url}/one`);
      mutate = async (_req, res) => {
        version++;
        res.once("close", () => gone.open());
        res.destroy();
      };
      await assert.rejects(askPlainly(url.href, {}, "POST"));
      await gone.passed;
      await cache.idle();
      await assertFresh();
    });
  });
}
