// Handlers that fail in the middle of their answer: the client sees what it would see without the cache, and the process lives on.
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import type { ErrorRequestHandler, Request, RequestHandler, Response } from "express";
import type { TenantCache } from "../../src/index.js";
import { openCache } from "../support/caches.js";
import { type HttpApp, serve } from "../support/http-app.js";

describe("a handler that fails while it answers", () => {
  let cache: TenantCache;
  let app: HttpApp;
  let handler: (req: Request, res: Response) => unknown = () => undefined;

  const onError: ErrorRequestHandler = (error, _req, res, next) => {
    if (res.headersSent) next(error);
    else res.status(500).json({ failed: true });
  };

  /** Middleware that sends nothing, the head neither, before the end. */
  const holdBack: RequestHandler = (_req, res, next) => {
    const { end } = res;
    let held = "";
    res.write = (chunk: unknown) => {
      held += String(chunk);
      return true;
    };
    res.end = ((chunk: unknown) => Reflect.apply(end, res, [held + String(chunk)])) as typeof end;
    next();
  };

  beforeAll(async () => {
    cache = await openCache("memory");
    app = await serve((express) => {
      // Express prints what nobody has handled only outside of tests.
      express.set("env", "test");
      express.get("/held", holdBack, cache.cacheList("accounts"), (req, res) => handler(req, res));
      express.get("/list", cache.cacheList("accounts"), (req, res) => handler(req, res));
      express.post("/change", cache.invalidateCache("accounts"), (req, res) => handler(req, res));
      express.use(onError);
    });
  });
  afterAll(async () => {
    await app.close();
    await cache.close();
  });

  /** All that a connection receives until the server closes it: more than a client that believes Content-Length would read. */
  async function receivedFrom(path: string): Promise<string> {
    const socket = connect(Number(new URL(app.url).port), "127.0.0.1");
    let received = "";
    socket.setEncoding("utf8").on("data", (text: string) => {
      received += text;
    });
    socket.write(
      `POST ${path} HTTP/1.1\r\nHost: x\r\nx-tenant: tenant-1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`,
    );
    await once(socket, "close");
    return received;
  }

  test("an answer of a type that cannot be sent is the error handler's, not the end of the process", async () => {
    handler = (_req, res) => res.end(42 as never);
    assert.equal((await app.request("/change", { method: "POST" })).status, 500);
    handler = (_req, res) => res.json({ ok: true });
    assert.equal((await app.request("/change", { method: "POST" })).status, 200);
  });

  test("a write of a type that cannot be sent is the error handler's", async () => {
    handler = (_req, res) => res.write(42 as never);
    assert.equal((await app.request("/change", { method: "POST" })).status, 500);
  });

  test("what is thrown after the answer does not replace it", async () => {
    handler = (_req, res) => {
      res.status(201).set("x-made", "yes").json({ ok: true });
      throw new Error("after the answer");
    };
    const answer = await app.request("/change", { method: "POST" });
    assert.equal(answer.status, 201);
    assert.equal(answer.headers.get("x-made"), "yes");
    assert.equal(answer.body, '{"ok":true}');
  });

  test("what is thrown in the middle of an answer never mixes two answers", async () => {
    handler = (_req, res) => {
      res.write("the first part");
      throw new Error("in the middle");
    };
    const received = await receivedFrom("/change");
    assert.doesNotMatch(received, /failed/);
  });

  test("an error page is never stored as the answer that failed", async () => {
    handler = (_req, res) => res.end(42 as never);
    assert.equal((await app.request("/list")).status, 500);
    await cache.idle();
    handler = (_req, res) => res.json({ fine: true });
    const answer = await app.request("/list");
    assert.equal(answer.status, 200);
    assert.equal(answer.body, '{"fine":true}');
  });

  test("an answer that is ended after it was destroyed is not stored", async () => {
    handler = (_req, res) => {
      res.destroy();
      res.end("nobody gets this");
    };
    await assert.rejects(app.request("/list?destroyed"));
    await cache.idle();
    handler = (_req, res) => res.json({ fine: true });
    assert.equal((await app.request("/list?destroyed")).body, '{"fine":true}');
  });

  test("a text in an encoding that there is not fails as it does without the cache", async () => {
    handler = (_req, res) => res.end("x", "of-my-own" as never);
    await assert.rejects(app.request("/list?encoding"));
    await cache.idle();
    handler = (_req, res) => res.json({ fine: true });
    assert.equal((await app.request("/list?encoding")).body, '{"fine":true}');
  });

  test("an error page that follows the first part of an answer whose head is held back is not stored as that answer", async () => {
    handler = (_req, res) => {
      res.write("the first part");
      throw new Error("in the middle");
    };
    assert.equal((await app.request("/held")).status, 500);
    await cache.idle();
    handler = (_req, res) => res.json({ fine: true });
    assert.equal((await app.request("/held")).body, '{"fine":true}');
  });
});
