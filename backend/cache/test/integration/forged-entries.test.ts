// Entries that others wrote into the store: a miss and a counted alarm, whoever reads them; the handler answers, and nothing else happens.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import express from "express";
import { decodeEntry, type Entry } from "../../src/codec/entry.js";
import type { TenantCache } from "../../src/index.js";
import { STORES, type StoreName } from "../support/caches.js";
import { type ForgeableStore, openForgeableStore } from "../support/forge-store.js";
import { encoded, FORGERIES, withChecksum } from "../support/forged-entries.js";

const WAYS = ["cacheList", "the lane", "the lane with middleware"] as const;
type Way = (typeof WAYS)[number];

/** A list behind each of the ways, and how often its handler has run. */
class ForgedWorld {
  readonly store: ForgeableStore;
  #calls = 0;
  readonly #ports = new Map<Way | "writer", number>();
  readonly #servers: Server[] = [];

  private constructor(store: ForgeableStore) {
    this.store = store;
  }

  static async open(name: StoreName): Promise<ForgedWorld> {
    const world = new ForgedWorld(await openForgeableStore(name));
    const { writer, reader } = world.store;
    const app = world.#app(reader);
    const identify = () => ({ tenant: "tenant-1" });
    const relearnSeconds = 3600;
    await world.#listen("writer", world.#app(writer));
    await world.#listen("cacheList", app);
    await world.#listen("the lane", reader.lane(app, { identify, relearnSeconds }));
    const use = [(_req: unknown, _res: unknown, next: () => void) => next()];
    await world.#listen("the lane with middleware", reader.lane(app, { identify, relearnSeconds, use }));
    for (const way of WAYS) for (let time = 0; time < 2; time++) await world.ask(way);
    return world;
  }

  get calls(): number {
    return this.#calls;
  }

  async alarms(): Promise<number> {
    return (await this.store.reader.stats()).totals.alarms;
  }

  async ask(way: Way | "writer") {
    const response = await fetch(`http://127.0.0.1:${this.#ports.get(way)}/list`, {
      headers: { "x-tenant": "tenant-1" },
    });
    const cache = response.headers
      .get("cache-status")
      ?.replace(/^.*?; /, "")
      .replace(/; ttl.*/, "");
    return { status: response.status, headers: response.headers, body: await response.text(), cache };
  }

  /** What the writer has just stored, changed. */
  async putForged(change: (stored: Buffer) => Buffer): Promise<void> {
    const { writer, forge } = this.store;
    assert.equal(await writer.invalidateTenantCache("tenant-1", "accounts"), true);
    assert.equal((await this.ask("writer")).cache, "fwd=miss; stored");
    await writer.idle();
    await forge(change);
  }

  async close(): Promise<void> {
    for (const server of this.#servers) {
      server.closeAllConnections();
      server.close();
    }
    await this.store.close();
  }

  #app(cache: TenantCache) {
    const app = express();
    app.get("/list", cache.cacheList("accounts", 600), (_req, res) => {
      this.#calls++;
      res.set("X-Handler", "yes").json({ calls: this.#calls, filler: "x".repeat(3000) });
    });
    return app;
  }

  async #listen(way: Way | "writer", listener: RequestListener): Promise<void> {
    const server = createServer(listener);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    this.#servers.push(server);
    this.#ports.set(way, (server.address() as AddressInfo).port);
  }
}

function changed(stored: Buffer, forged: Partial<Entry>): Buffer {
  const entry = decodeEntry(stored);
  assert.ok(entry);
  return encoded({ ...entry, ...forged });
}

for (const store of STORES) {
  describe(`entries that others wrote, with the ${store} store`, () => {
    let world: ForgedWorld;
    beforeAll(async () => {
      world = await ForgedWorld.open(store);
    });
    afterAll(() => world.close());

    for (const way of WAYS) {
      const isRefused = async (what: string, change: (stored: Buffer) => Buffer) => {
        await world.putForged(change);
        const [calls, alarms] = [world.calls, await world.alarms()];
        const answer = await world.ask(way);
        assert.deepEqual([answer.status, answer.cache], [200, "fwd=miss; stored"], what);
        assert.equal(answer.headers.get("x-handler"), "yes", what);
        assert.equal(answer.headers.get("set-cookie"), null, what);
        assert.equal(JSON.parse(answer.body).calls, calls + 1, what);
        assert.equal(await world.alarms(), alarms + 1, `${what}: counted, once`);
        await world.store.reader.idle();
        assert.equal((await world.ask(way)).cache, "hit", `${what}: replaced`);
        assert.equal(world.calls, calls + 1, what);
      };

      test(`${way}: none of them is served`, async () => {
        for (const [what, forged] of Object.entries(FORGERIES))
          await isRefused(what, (stored) => changed(stored, forged));
      });

      test(`${way}: nor are bytes that somebody has cut or changed, with a checksum that fits`, async () => {
        await isRefused("cut", (stored) => withChecksum(stored.subarray(0, -1)));
        await isRefused("lengthened", (stored) => withChecksum(Buffer.concat([stored, Buffer.from("x")])));
        await isRefused("another version", (stored) => {
          stored[3] = 9;
          return stored;
        });
        await isRefused("a header that is longer than all", (stored) => {
          stored.writeUInt32BE(stored.length, 4);
          return withChecksum(stored);
        });
        await isRefused("empty", () => Buffer.alloc(0));
        await isRefused("a text", () => Buffer.from("hello"));
      });

      test(`${way}: what is right is served, also as somebody else would have written it`, async () => {
        const headers: Entry["headers"] = [
          ["Content-Type", "text/plain"],
          ["X-Twice", "a"],
          ["X-Twice", "b \u00e9"],
        ];
        await world.putForged((stored) =>
          changed(stored, { headers, statusMessage: "Fine", etag: "bare", body: Buffer.from("other") }),
        );
        const calls = world.calls;
        const answer = await world.ask(way);
        assert.deepEqual([answer.status, answer.body, answer.cache], [200, "other", "hit"]);
        assert.equal(answer.headers.get("x-twice"), "a, b \u00e9");
        assert.equal(world.calls, calls);
      });
    }

    test("204 and 304 that say nothing of a length, and 205 with none", async () => {
      for (const [status, length] of [
        [204, null],
        [205, "0"],
        [304, null],
      ] as const) {
        for (const way of WAYS) {
          await world.putForged((stored) => changed(stored, { status, body: Buffer.alloc(0), headers: [] }));
          const answer = await world.ask(way);
          assert.deepEqual([answer.status, answer.body, answer.cache], [status, "", "hit"], way);
          assert.equal(answer.headers.get("content-length"), length, `${status}, ${way}`);
        }
      }
    });
  });
}
