// Whatever is done to an entry's bytes: it is refused, or Node sends it, and the client gets what it says.
import assert from "node:assert/strict";
import { once } from "node:events";
import { Agent, createServer, type IncomingMessage, request } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { afterAll, beforeAll, test } from "@jest/globals";
import fc from "fast-check";
import { hitStatus } from "../../src/cache-status.js";
import { decodeEntry, type Entry } from "../../src/codec/entry.js";
import { NEVER_STORED } from "../../src/codec/sendable.js";
import { ownHeaders } from "../../src/express/own-headers.js";
import { replay, replayAlone } from "../../src/express/replay.js";
import { encoded, mutation, withChecksum } from "../support/forged-entries.js";

const OWN = ownHeaders({}, {}, true);
const now = Date.now();
const BODY = Buffer.from(JSON.stringify({ rows: "x".repeat(2000) }));
const ENTRIES: readonly Entry[] = [
  {
    identity: "tenant accounts []",
    fences: "run,fence.1,fence.2",
    createdAt: now,
    staleAt: now + 60_000,
    expiresAt: now + 90_000,
    status: 200,
    statusMessage: "Fine",
    etag: 'W/"abc"',
    headers: [
      ["Content-Type", "application/json"],
      ["Vary", "Origin"],
      ["X-List", "a"],
      ["X-List", "b"],
    ],
    removedHeaders: ["x-powered-by"],
    body: BODY,
    variants: [
      { encoding: "br", body: Buffer.from("not brotli, but bytes") },
      { encoding: "gzip", body: Buffer.from("nor gzip") },
    ],
  },
  {
    identity: "i",
    fences: "f",
    createdAt: now,
    staleAt: now + 1,
    expiresAt: now + 2,
    status: 204,
    statusMessage: "",
    etag: "",
    headers: [["Last-Modified", "Fri, 01 Jan 2026 00:00:00 GMT"]],
    removedHeaders: [],
    body: Buffer.alloc(0),
    variants: [],
  },
];

let served: Entry = ENTRIES[0] as Entry;
let sendAlone = false;
let failure: unknown;
/** The test's own: a parser that has given up is not asked again. */
const agent = new Agent({ keepAlive: true, maxSockets: 1 });
const server = createServer((req, res) => {
  try {
    if (sendAlone) replayAlone(req, res, served, Date.now(), OWN, []);
    else {
      res.setHeader("X-Powered-By", "test");
      replay(req, res, served, hitStatus(served, Date.now()), Date.now(), OWN);
    }
  } catch (error) {
    failure = error;
    res.destroy();
  }
});

beforeAll(async () => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
});
afterAll(async () => {
  agent.destroy();
  server.close();
  await once(server, "close");
});

async function ask(method: "GET" | "HEAD", acceptEncoding: string) {
  const { port } = server.address() as AddressInfo;
  const headers = { "accept-encoding": acceptEncoding };
  const asked = request({ port, host: "127.0.0.1", method, agent, headers }).end();
  const [answer] = (await once(asked, "response")) as [IncomingMessage];
  return { answer, body: await buffer(answer) };
}

test("a changed entry is refused, or is what the client gets", async () => {
  let sent = 0;
  const ways = { method: fc.constantFrom("GET" as const, "HEAD" as const), alone: fc.boolean() };
  const changes = fc.array(mutation, { minLength: 1, maxLength: 3 });
  const codings = fc.constantFrom("identity", "br", "gzip");
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...ENTRIES),
      changes,
      fc.record(ways),
      codings,
      async (entry, mutations, { method, alone }, coding) => {
        const value = mutations.reduce((bytes, mutate) => mutate(bytes), withChecksum(encoded(entry)));
        const decoded = decodeEntry(value);
        if (!decoded) return;
        sent++;
        served = decoded;
        sendAlone = alone;
        failure = undefined;
        const { answer, body } = await ask(method, coding);
        assert.equal(failure, undefined);
        assert.equal(answer.statusCode, decoded.status);
        const encoding = answer.headers["content-encoding"];
        const variant = decoded.variants.find((one) => one.encoding === encoding);
        const expected = variant && encoding === coding ? variant.body : decoded.body;
        if (method === "GET") assert.deepEqual(body, expected);
        else assert.equal(body.length, 0);
        for (const [name, text] of decoded.headers) {
          const lower = name.toLowerCase();
          assert.ok(!NEVER_STORED.has(lower), name);
          const received = answer.rawHeaders.filter((_, at) => at % 2 === 1).join("\n");
          assert.ok(received.includes(text.trim()), `${name}: ${text}`);
        }
      },
    ),
    { numRuns: 3000 },
  );
  assert.ok(sent > 100, `${sent} of the changed entries were sent`);
});
