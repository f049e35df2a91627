// Bodies in memory that is used again: every client gets its own, however slowly it reads and whatever others ask for meanwhile.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { Duplex } from "node:stream";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import express from "express";
import type { TenantCache } from "../../src/index.js";
import { openCache } from "../support/caches.js";

/** Small, as lists are, and so large that the kernel takes only a few of them from one connection. */
const SIZES = [0, 100, 4_000, 20_000, 90_000, 1_000_000] as const;
const LARGE = SIZES.length - 1;
const BODIES = 72;
const FRONTS = ["lane", "cacheList"] as const;

/** No two have a line in common. */
function bodyOf(index: number): Buffer {
  const size = SIZES[index % SIZES.length] ?? 0;
  return Buffer.alloc(size, `body ${index} of tenant ${index % 5};`);
}

/** One of the dozen that are large. */
function largeIndex(index: number): number {
  return (index * SIZES.length + LARGE) % BODIES;
}

const SMALL = 3;

function requestText(path: number | "held", method = "GET", headers = ""): string {
  return `${method} /bodies/${path} HTTP/1.1\r\nHost: api.example\r\n${headers}\r\n`;
}

interface Received {
  readonly head: string;
  readonly body: Buffer;
}

/** A client that says when it reads: requests go out at once, and answers are taken apart by what they announce. */
class Client {
  readonly #socket: Socket;
  #unread = Buffer.alloc(0);

  constructor(port: number) {
    this.#socket = connect(port, "127.0.0.1")
      .pause()
      .on("error", () => undefined);
  }

  ask(...paths: (number | "held")[]): void {
    this.#socket.write(paths.map((path) => requestText(path)).join(""));
  }

  askWith(index: number, { method = "GET", headers = "" }): void {
    this.#socket.write(requestText(index, method, headers));
  }

  async answer(hasBody = true): Promise<Received> {
    for (;;) {
      const headEnd = this.#unread.indexOf("\r\n\r\n");
      const head = this.#unread.toString("latin1", 0, Math.max(headEnd, 0));
      const length = hasBody ? Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? 0) : 0;
      const end = headEnd + 4 + length;
      if (headEnd !== -1 && this.#unread.length >= end) {
        const body = this.#unread.subarray(headEnd + 4, end);
        this.#unread = this.#unread.subarray(end);
        return { head, body };
      }
      this.#socket.resume();
      const [chunk] = (await once(this.#socket, "data")) as [Buffer];
      this.#socket.pause();
      this.#unread = Buffer.concat([this.#unread, chunk]);
    }
  }

  async get(index: number): Promise<Received> {
    this.ask(index);
    return this.answer();
  }

  end(): void {
    this.#socket.destroy();
  }
}

function assertIs(index: number, { head, body }: Received): void {
  assert.match(head, /^HTTP\/1.1 200[\s\S]*Cache-Status: express-tenant-cache; hit/, head);
  const expected = bodyOf(index);
  const sent = /^content-encoding: gzip/im.test(head) ? gunzipSync(body) : body;
  assert.ok(sent.equals(expected), `the body of ${index}: ${sent.toString("latin1", 0, 60)}`);
}

for (const front of FRONTS) {
  describe(`bodies that Redis has lent, ${front}`, () => {
    let cache: TenantCache;
    let port: number;
    let server: Server;
    /** Requests that are answered when the test says so. */
    const held = {
      next: () =>
        new Promise<() => void>((resolve) => {
          held.arrived = resolve;
        }),
      arrived: (_open: () => void): void => undefined,
    };

    beforeAll(async () => {
      cache = await openCache("redis-only", { tenant: () => "tenant-1" });
      const app = express();
      app.get("/bodies/held", (_req, res) => held.arrived(() => res.end()));
      app.get("/bodies/:index", cache.cacheList("bodies", { ttlSeconds: 3600 }), (req, res) => {
        // What is served compressed has a variant by the time it is asked for; half of them may not be.
        res.type(Number(req.params.index) % 2 ? "text/plain" : "application/octet-stream");
        res.send(bodyOf(Number(req.params.index)));
      });
      const identity = { tenant: "tenant-1" };
      server = createServer(front === "lane" ? cache.lane(app, { identify: () => identity }) : app).listen(
        0,
        "127.0.0.1",
      );
      // On a busy machine more than Node's five seconds pass between two requests of a client.
      server.keepAliveTimeout = 0;
      await once(server, "listening");
      port = (server.address() as AddressInfo).port;
      const client = new Client(port);
      for (let time = 0; time < 3; time++) {
        for (let index = 0; index < BODIES; index++) {
          client.askWith(index, time === 2 ? { headers: "Accept-Encoding: gzip\r\n" } : {});
          await client.answer();
          await cache.idle();
        }
      }
      client.end();
    });
    afterAll(async () => {
      server.closeAllConnections();
      server.close();
      await cache.close();
    });

    /** Has the memory that is free be used for other bodies. */
    async function askForOthers(times: number): Promise<void> {
      const clients = Array.from({ length: 8 }, () => new Client(port));
      await Promise.all(
        clients.map(async (client, lane) => {
          for (let time = 0; time < times; time++) {
            const index = (lane * 7 + time * 5) % BODIES;
            assertIs(index, await client.get(index));
          }
          client.end();
        }),
      );
    }

    test("clients that do not read get what they have asked for, when they read", async () => {
      const slow = Array.from({ length: 4 }, () => new Client(port));
      const asked = Array.from({ length: 12 }, (_, time) => time);
      for (const time of asked) {
        for (const [index, client] of slow.entries()) client.ask(largeIndex(time + 3 * index));
        await askForOthers(1);
      }
      await askForOthers(20);
      await Promise.all(
        slow.map(async (client, index) => {
          for (const time of asked) assertIs(largeIndex(time + 3 * index), await client.answer());
          client.end();
        }),
      );
    });

    test("pipelined requests, which wait for their turn, get theirs", async () => {
      const clients = Array.from({ length: 4 }, () => new Client(port));
      const indexes = [SMALL, LARGE, 9, 2, largeIndex(1), 4, 10, 1];
      for (const client of clients) client.ask(...indexes);
      await askForOthers(30);
      await Promise.all(
        clients.map(async (client) => {
          for (const index of indexes) assertIs(index, await client.answer());
          client.end();
        }),
      );
    });

    test("requests for the same entry, read once for all of them, each get it whole", async () => {
      const client = new Client(port);
      await client.get(1);
      for (let time = 0; time < 5; time++) {
        // All are parsed in one turn; the first answer is gone at once, the last one waits for that in between.
        const opened = held.next();
        client.ask(SMALL, "held", SMALL);
        assertIs(SMALL, await client.answer());
        const open = await opened;
        await askForOthers(3);
        open();
        await client.answer();
        assertIs(SMALL, await client.answer());
      }
      client.end();
    });

    test("streams that stand in for sockets, and keep what is written to them, get theirs", async () => {
      for (let time = 0; time < 5; time++) {
        const written: Buffer[] = [];
        const stream = new Duplex({
          read: () => undefined,
          write(chunk: Buffer, _encoding, done) {
            written.push(chunk);
            done();
          },
        });
        server.emit("connection", stream);
        stream.push(requestText(SMALL));
        while (written.length < 2) await new Promise(setImmediate);
        await askForOthers(3);
        const body = written.find(({ length }) => length === SIZES[SMALL]);
        assert.ok(body?.equals(bodyOf(SMALL)));
        stream.destroy();
      }
    });

    test("others that hang up, ask for a head, have the body, or take it compressed, change nothing", async () => {
      const noise = Array.from({ length: 16 }, () => new Client(port));
      const asking = askForOthers(40);
      for (let time = 0; time < 12; time++) {
        for (const [lane, client] of noise.entries()) {
          const index = (lane + time) % BODIES;
          const kind = lane % 4;
          if (kind === 0) {
            client.ask(largeIndex(index));
            client.end();
            noise[lane] = new Client(port);
          } else if (kind === 1) {
            client.askWith(index, { method: "HEAD" });
            assert.match((await client.answer(false)).head, /; hit/);
          } else if (kind === 2) {
            client.askWith(index, { headers: "If-None-Match: *\r\n" });
            assert.match((await client.answer(false)).head, /^HTTP\/1.1 304/);
          } else {
            client.askWith(index, { headers: "Accept-Encoding: gzip\r\n" });
            assertIs(index, await client.answer());
          }
        }
      }
      await asking;
      for (const client of noise) client.end();
    });
  });
}
