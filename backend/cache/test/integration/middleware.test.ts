// The middleware that most APIs use, in front of a cached route and behind it, in Express 5 and 4, and what HTTP/1.1 connections do.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, get as httpGet, type RequestListener } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { describe, test } from "@jest/globals";
import compression from "compression";
import cors from "cors";
import express, { type Express, type RequestHandler } from "express";
// @ts-expect-error The package has no types under this name; those of Express 5 describe what these tests use of it.
import express4 from "express-4";
import session from "express-session";
import helmet from "helmet";
import morgan from "morgan";
import type { Logger, TenantCache } from "../../src/index.js";
import { openCache, quiet } from "../support/caches.js";
import { gate } from "../support/http-app.js";
import { type Asked, ask, headerOf, type Received } from "../support/transparency-exchange.js";

const ROWS = JSON.stringify(Array.from({ length: 200 }, (_, id) => ({ id, name: `account ${id}` })));

interface Running {
  readonly port: number;
  readonly cache: TenantCache;
  readonly warnings: readonly string[];
  /** How often the handler has run. */
  runs(): number;
  ask(asked?: Partial<Asked>): Promise<Received>;
}

interface Around {
  readonly before?: readonly RequestHandler[];
  readonly after?: readonly RequestHandler[];
  readonly compress?: boolean;
  readonly handler?: RequestHandler;
}

const sendRows: RequestHandler = (_req, res) => void res.type("json").send(ROWS);

/** Runs an app of one cached route while `use` does. */
async function running(
  create: () => Express,
  { before = [], after = [], compress = true, handler = sendRows }: Around,
  use: (app: Running) => Promise<void>,
): Promise<void> {
  const warnings: string[] = [];
  const logger: Logger = { ...quiet, warn: (...args: unknown[]) => void warnings.push(args.join(" ")) };
  const cache = await openCache("memory", { compress, logger });
  let runs = 0;
  const app = create();
  for (const one of before) app.use(one);
  app.use(cache.cacheList("accounts"));
  for (const one of after) app.use(one);
  app.get("/list", (req, res, next) => {
    runs++;
    return handler(req, res, next);
  });
  const server = createServer(app as RequestListener).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const defaults: Asked = {
    method: "GET",
    acceptEncoding: "identity",
    origin: "https://a.example",
    requestId: "1",
  };
  try {
    await use({
      port,
      cache,
      warnings,
      runs: () => runs,
      async ask(asked) {
        const answer = await ask(port, { ...defaults, ...asked });
        await cache.idle();
        assert.ok(answer, "no answer");
        return answer;
      },
    });
  } finally {
    server.closeAllConnections();
    server.close();
    await cache.close();
  }
}

const isHit = (answer: Received) => /; hit/.test(headerOf(answer, "cache-status") ?? "");
const sessions = () =>
  session({
    secret: "of a test",
    resave: false,
    saveUninitialized: true,
    genid: (req) => `session-of-${req.headers["x-request-id"]}`,
  }) as RequestHandler;

for (const [name, create] of [
  ["Express 5", express],
  ["Express 4", express4 as unknown as typeof express],
] as const) {
  describe(`middleware around a cached route, ${name}`, () => {
    test("compression in front compresses each client's answer once", async () => {
      await running(create, { before: [compression() as RequestHandler] }, async (app) => {
        assert.equal(headerOf(await app.ask({ acceptEncoding: "gzip" }), "content-encoding"), "gzip");
        for (const acceptEncoding of ["gzip", "identity", "br", "gzip"]) {
          const answer = await app.ask({ acceptEncoding });
          assert.ok(isHit(answer));
          const coding = headerOf(answer, "content-encoding");
          assert.equal(coding, acceptEncoding === "identity" ? undefined : acceptEncoding);
          // Decoded once by that coding: what had been compressed twice would not be the rows.
          assert.equal(answer.body?.toString(), ROWS);
          assert.match(headerOf(answer, "vary") ?? "", /accept-encoding/i);
        }
        assert.equal(app.runs(), 1);
      });
    });

    test("what is compressed behind the cache is not stored, and the log says what to do", async () => {
      await running(create, { after: [compression() as RequestHandler] }, async (app) => {
        assert.equal(headerOf(await app.ask({ acceptEncoding: "gzip" }), "content-encoding"), "gzip");
        const plain = await app.ask();
        assert.equal(isHit(plain), false);
        assert.equal(headerOf(plain, "content-encoding"), undefined);
        assert.equal(plain.body?.toString(), ROWS);
        assert.equal(app.warnings.length, 1);
        assert.match(app.warnings[0] ?? "", /mount compression before cacheList/);
      });
    });

    test("a session in front is each client's own, also of a hit", async () => {
      await running(create, { before: [sessions()] }, async (app) => {
        for (const requestId of ["1", "2", "3"]) {
          const answer = await app.ask({ requestId });
          assert.equal(isHit(answer), requestId !== "1");
          assert.match(headerOf(answer, "set-cookie") ?? "", new RegExp(`session-of-${requestId}\\.`));
        }
      });
    });

    test("an answer with the cookie of a session behind the cache is not stored", async () => {
      await running(create, { after: [sessions()] }, async (app) => {
        for (const requestId of ["1", "2"]) {
          const answer = await app.ask({ requestId });
          assert.equal(isHit(answer), false);
          assert.match(headerOf(answer, "set-cookie") ?? "", new RegExp(`session-of-${requestId}\\.`));
        }
      });
    });

    test("cors in front names each client's origin; behind the cache nothing is stored", async () => {
      const origins = ["https://a.example", "https://b.example"];
      for (const side of ["before", "after"] as const) {
        await running(create, { [side]: [cors({ origin: true })] }, async (app) => {
          for (const [index, origin] of origins.entries()) {
            const answer = await app.ask({ origin });
            assert.equal(headerOf(answer, "access-control-allow-origin"), origin);
            assert.match(headerOf(answer, "vary") ?? "", /origin/i);
            assert.equal(isHit(answer), side === "before" && index > 0);
          }
          assert.equal(app.warnings.length, side === "before" ? 0 : 1);
        });
      }
    });

    test("helmet and morgan see hits as they see misses", async () => {
      const lines: string[] = [];
      const log = morgan(":method :url :status", {
        stream: { write: (line) => void lines.push(line.trim()) },
      });
      await running(create, { before: [helmet() as RequestHandler, log as RequestHandler] }, async (app) => {
        const [miss, hit] = [await app.ask(), await app.ask()];
        assert.ok(isHit(hit));
        for (const header of [
          "content-security-policy",
          "strict-transport-security",
          "x-content-type-options",
        ]) {
          assert.ok(headerOf(miss, header), header);
          assert.equal(headerOf(hit, header), headerOf(miss, header));
        }
        assert.deepEqual(lines, ["GET /list 200", "GET /list 200"]);
      });
    });

    test("pipelined requests on one connection are answered in order", async () => {
      const handler: RequestHandler = (req, res) => void res.send(`answer to ${req.query.n}`);
      await running(create, { handler }, async (app) => {
        const received = await pipelined(app.port, ["/list?n=1", "/list?n=2", "/list?n=1"]);
        assert.deepEqual(received.match(/answer to \d/g), ["answer to 1", "answer to 2", "answer to 1"]);
        await app.cache.idle();
        // Now the first of them is a miss and the others are hits, which are ready before it.
        const mixed = await pipelined(app.port, ["/list?n=3", "/list?n=2", "/list?n=1"]);
        assert.deepEqual(mixed.match(/answer to \d/g), ["answer to 3", "answer to 2", "answer to 1"]);
        assert.equal(mixed.match(/express-tenant-cache; hit/g)?.length, 2);
      });
    });

    test("a client that goes away in the middle leaves nothing behind", async () => {
      const closed = gate();
      let isFirst = true;
      const handler: RequestHandler = (_req, res) => {
        if (!isFirst) return void res.send("whole");
        isFirst = false;
        res.once("close", () => closed.open());
        res.write("the first half");
      };
      await running(create, { handler }, async (app) => {
        const sent = httpGet({
          port: app.port,
          path: "/list",
          agent: false,
          headers: { "x-tenant": "tenant-1" },
        });
        sent.on("error", () => undefined);
        sent.once("response", (response) =>
          response.once("data", () => sent.destroy()).on("error", () => undefined),
        );
        await closed.passed;
        const second = await app.ask();
        assert.equal(second.body?.toString(), "whole");
        assert.equal(isHit(second), false);
        assert.ok(isHit(await app.ask()));
      });
    });
  });
}

/** Writes all requests at once; all that comes back until the server closes the connection after the last. */
async function pipelined(port: number, paths: readonly string[]): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  let received = "";
  socket.setEncoding("utf8").on("data", (text: string) => {
    received += text;
  });
  const requests = paths.map((path, index) => {
    const last = index === paths.length - 1 ? "Connection: close\r\n" : "";
    return `GET ${path} HTTP/1.1\r\nHost: x\r\nx-tenant: tenant-1\r\n${last}\r\n`;
  });
  socket.write(requests.join(""));
  await once(socket, "close");
  return received;
}
