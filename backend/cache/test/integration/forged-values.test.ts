// Values of the toolkit that others wrote into the store: a miss, a counted alarm and a load, and no memory for what they would become.
import assert from "node:assert/strict";
import { once } from "node:events";
import { buffer } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import { brotliCompressSync, constants, createBrotliCompress } from "node:zlib";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import * as z from "zod";
import { afterTest } from "../../../servers/in-test.js";
import { decodeEntry, type Entry } from "../../src/codec/entry.js";
import { inflate } from "../../src/codec/inflation.js";
import type { CacheSpace } from "../../src/index.js";
import { engineOf } from "../../src/tenant-cache.js";
import { STORES } from "../support/caches.js";
import { type ForgeableStore, openForgeableStore } from "../support/forge-store.js";
import { encoded, FORGERIES } from "../support/forged-entries.js";

const MIB = 1024 * 1024;
const ROWS = { rows: "again and again ".repeat(1000) };
const PLAIN = Buffer.from(JSON.stringify(ROWS));
const PACKED = brotliCompressSync(PLAIN);

const JSON_TYPE = ["content-type", "application/json"] as const;
const BROTLI = ["content-encoding", "br"] as const;
const claims = (plainBytes: number | string): Entry["headers"] => [
  JSON_TYPE,
  BROTLI,
  ["plain-bytes", String(plainBytes)],
];

/** So many zeros in some hundred bytes. */
async function bomb(bytes: number): Promise<Buffer> {
  const packing = createBrotliCompress({ params: { [constants.BROTLI_PARAM_QUALITY]: 1 } });
  const packed = buffer(packing);
  for (let left = bytes; left > 0; left -= MIB)
    if (!packing.write(Buffer.alloc(MIB))) await once(packing, "drain");
  packing.end();
  return packed;
}

const small = (body: string): Partial<Entry> => ({ headers: [JSON_TYPE], body: Buffer.from(body) });
const VALUES: Record<string, Partial<Entry>> = {
  "more than any value may become": { headers: claims(17 * MIB), body: PACKED },
  "another length than it claims": { headers: claims(PLAIN.length - 1), body: PACKED },
  "shorter than it claims": { headers: claims(PLAIN.length + 1), body: PACKED },
  "a length that is none": { headers: claims("many"), body: PACKED },
  "no length": { headers: [JSON_TYPE, BROTLI], body: PACKED },
  "a coding that values are not kept in": {
    headers: [JSON_TYPE, ["content-encoding", "gzip"], ["plain-bytes", String(PLAIN.length)]],
    body: PACKED,
  },
  "what is no brotli": { headers: claims(1000), body: Buffer.from("nothing of the kind") },
  "a kind that nobody knows": { headers: [["content-type", "text/html"]], body: Buffer.from("<p>") },
  "no kind": { headers: [], body: Buffer.from("{}") },
  "more headers than a value has": { headers: [...claims(PLAIN.length), ["x-other", "1"]], body: PACKED },
  "what is no JSON": small("{"),
  "something that says that it is nothing": { ...small('{"rows":1}'), status: 404 },
  "nothing that says that it is something": small("null"),
  "a status of a response": { ...small("{}"), status: 500 },
};

for (const store of STORES) {
  describe(`values that others wrote, with the ${store} store`, () => {
    const tenant = "tenant-1";
    let forgeable: ForgeableStore;
    let writing: CacheSpace;
    let reading: CacheSpace;

    beforeAll(async () => {
      forgeable = await openForgeableStore(store);
      const rules = { compressAboveBytes: 1000, schema: z.object({ rows: z.string() }) };
      writing = forgeable.writer.manager.tenant(tenant).namespace("users", rules);
      reading = forgeable.reader.manager.tenant(tenant).namespace("users", rules);
    });
    afterAll(() => forgeable.close());

    const alarms = async () => (await forgeable.reader.stats()).totals.alarms;

    async function put(key: string, forged: Partial<Entry>): Promise<void> {
      assert.equal(await writing.set(key, ROWS), true);
      await forgeable.forge((stored) => {
        const entry = decodeEntry(stored);
        assert.ok(entry);
        return encoded({ ...entry, ...forged });
      });
    }

    test("what is right is read", async () => {
      await put("right", {});
      assert.deepEqual(await reading.get("right"), ROWS);
      await put("plain", { headers: [JSON_TYPE], body: PLAIN });
      assert.deepEqual(await reading.get("plain"), ROWS);
    });

    test("none of them is read: get, mGet and getOrSet", async () => {
      const forgeries = Object.entries({ ...VALUES, ...FORGERIES });
      for (const [index, [what, forged]] of forgeries.entries()) {
        const key = `forged-${index}`;
        for (const read of [
          async () => assert.equal(await reading.get(key), undefined, what),
          async () => assert.deepEqual(await reading.mGet([key]), [undefined], what),
          async () => assert.deepEqual(await reading.getOrSet(key, () => ({ rows: what })), { rows: what }),
        ]) {
          await put(key, forged);
          const before = await alarms();
          await read();
          assert.equal(await alarms(), before + 1, what);
        }
        await forgeable.reader.idle();
        assert.deepEqual(await reading.get(key), { rows: what }, "loaded and kept");
      }
    });

    test("is not followed while it is being removed", async () => {
      const { store: held } = engineOf(forgeable.reader);
      const remove = held.remove.bind(held);
      held.remove = async (key) => {
        await delay(50);
        await remove(key);
      };
      afterTest(() => {
        held.remove = remove;
      });
      await put("held", small("null"));
      const before = await alarms();
      assert.deepEqual(await reading.getOrSet("held", () => ({ rows: "loaded" })), { rows: "loaded" });
      await forgeable.reader.idle();
      assert.equal(await alarms(), before + 1);
      assert.deepEqual(await reading.get("held"), { rows: "loaded" }, "loaded and kept");
    });

    test("what grows a thousand times is not inflated", async () => {
      const body = await bomb(128 * MIB);
      assert.ok(body.length < 50_000);
      const forms = [
        [JSON_TYPE, BROTLI] as const,
        claims(body.length + 1000),
        claims(MIB),
        claims(16 * MIB),
        claims(128 * MIB),
      ];
      const keys = forms.map((_, index) => `bomb-${index}`);
      for (const [index, headers] of forms.entries()) await put(`bomb-${index}`, { headers, body });
      const before = await alarms();
      const peakBytes = () => process.resourceUsage().maxRSS * 1024;
      const earlierPeak = peakBytes();
      assert.deepEqual(
        await reading.mGet(keys),
        keys.map(() => undefined),
      );
      assert.equal(await alarms(), before + keys.length);
      const grown = peakBytes() - earlierPeak;
      assert.ok(grown < 150 * MIB, `${Math.round(grown / MIB)} MiB for five values`);
    });
  });
}

describe("values and their limits", () => {
  test("what is larger than maxInflatedBytes is kept as it is, or refused with that in the message", async () => {
    const forgeable = await openForgeableStore("memory", { manager: { maxInflatedBytes: 10_000 } });
    const space = forgeable.writer.manager.tenant("t");
    const packed = space.namespace("users", { compressAboveBytes: 100, maxBytes: 20_000 });
    const [fits, larger, tooLarge] = ["a".repeat(9000), "b".repeat(15_000), "c".repeat(30_000)];
    assert.equal(await packed.set("fits", fits), true);
    assert.equal(await packed.set("larger", larger), true);
    await assert.rejects(packed.set("too-large", tooLarge), {
      code: "ETC_VALUE_TOO_LARGE",
      message: /30000 bytes, and maxBytes is 20000: .*above manager.maxInflatedBytes \(10000\)/,
    });
    assert.equal(await packed.get("fits"), fits);
    assert.equal(await packed.get("larger"), larger);
    assert.equal((await forgeable.writer.stats()).totals.alarms, 0);
    await forgeable.close();
  });

  test("many at once are all inflated, a few at a time", async () => {
    const plain = Buffer.alloc(100_000, "x");
    const packed = brotliCompressSync(plain);
    const inflated = await Promise.all(Array.from({ length: 50 }, () => inflate(packed, plain.length)));
    for (const one of inflated) assert.ok(one.equals(plain));
    const failing = Array.from({ length: 50 }, () => inflate(packed, 99_999));
    for (const { status } of await Promise.allSettled(failing)) assert.equal(status, "rejected");
    assert.ok((await inflate(packed, plain.length)).equals(plain), "failures do not keep places");
  });
});
