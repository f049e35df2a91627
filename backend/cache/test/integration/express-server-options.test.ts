// `expressServerOptions`: a server that makes requests with the app's prototypes answers as any other does.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type RequestListener, type ServerOptions } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "@jest/globals";
import express from "express";
// @ts-expect-error The package has no types under this name; those of Express 5 describe what these tests use of it.
import express4 from "express-4";
import { afterTest } from "../../../servers/in-test.js";
import { exchange, withoutClock } from "../../../servers/raw-http.js";
import { createTenantCache, expressServerOptions } from "../../src/index.js";
import { PATIENT, quiet } from "../support/caches.js";

const TENANT = "tenant-1";

function build(make: typeof express) {
  const cache = createTenantCache({ tenant: () => TENANT, logger: quiet, ...PATIENT });
  const mounted = make();
  mounted.get("/who", (req, res) => {
    res.json({ base: req.baseUrl, own: req.app === mounted, host: req.hostname });
  });
  let runs = 0;
  const app = make();
  app.get("/list", cache.cacheList("items"), (req, res) => {
    res.json({ run: ++runs, query: req.query, ip: req.ip, wanted: req.get("x-wanted") });
  });
  app.get("/text", (_req, res) => void res.status(201).cookie("a", "b").send("täxt"));
  app.get("/parts", (_req, res) => {
    res.write("one,");
    res.end("two");
  });
  app.get("/away", (_req, res) => res.redirect("/list"));
  app.get("/broken", () => {
    throw new Error("broken");
  });
  app.post("/echo", make.json(), (req, res) => void res.json(req.body));
  app.use("/mounted", mounted);
  // Errors are not written to the console.
  app.set("env", "test");
  return { app, cache };
}

async function listen(listener: RequestListener, options: ServerOptions): Promise<number> {
  const server = createServer(options, listener);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  afterTest(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

const REQUESTS = [
  "GET /list?a=1 HTTP/1.1\r\nX-Wanted: yes",
  "GET /list?a=1 HTTP/1.1\r\nX-Wanted: no",
  "HEAD /list?a=1 HTTP/1.1",
  "GET /text HTTP/1.1",
  "GET /parts HTTP/1.1",
  "GET /away HTTP/1.1",
  "GET /broken HTTP/1.1",
  "GET /mounted/who HTTP/1.1",
  "GET /nowhere HTTP/1.1",
  'POST /echo HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"a": 12}',
];

for (const [name, make] of [
  ["Express 5", express],
  ["Express 4", express4 as unknown as typeof express],
] as const) {
  for (const front of ["the app", "a lane in front of it"]) {
    test(`${name}, ${front}: the same bytes as from any other server`, async () => {
      const answersOf = async (optionsOf: (app: ReturnType<typeof express>) => ServerOptions) => {
        const { app, cache } = build(make);
        const lane = cache.lane(app, { identify: () => ({ tenant: TENANT }) });
        const port = await listen(front === "the app" ? app : lane, optionsOf(app));
        const answers: string[] = [];
        for (const request of REQUESTS) {
          const [head = "", body = ""] = request.split("\r\n\r\n");
          const answer = await exchange(
            port,
            `${head}\r\nHost: a.example\r\nConnection: close\r\n\r\n${body}`,
          );
          answers.push(withoutClock(answer));
          await cache.idle();
        }
        return answers;
      };
      const [usual, made] = [await answersOf(() => ({})), await answersOf(expressServerOptions)];
      assert.equal(usual.length, REQUESTS.length);
      assert.match(usual[1] ?? "", /; hit;/, "the cache was asked");
      assert.deepEqual(made, usual);
    });
  }

  test(`${name}: requests and responses come with the prototypes that the app would give them`, async () => {
    const { app } = build(make);
    const seen: boolean[] = [];
    const port = await listen((req, res) => {
      seen.push(Object.getPrototypeOf(req) === app.request, Object.getPrototypeOf(res) === app.response);
      app(req, res);
    }, expressServerOptions(app));
    await exchange(port, "GET /list HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n");
    // Later versions of Node need none of it.
    const isMade = Number.parseInt(process.versions.node, 10) < 24;
    assert.deepEqual(seen, [isMade, isMade]);
  });
}

test("what is no Express app is refused, with what to write", () => {
  for (const wrong of [undefined, {}, createServer()]) {
    assert.throws(() => expressServerOptions(wrong as never), {
      code: "ETC_OPTIONS",
      message: /expressServerOptions\(app\)/,
    });
  }
});
