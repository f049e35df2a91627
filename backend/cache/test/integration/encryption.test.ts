// Encrypted entries behind a route: what they cost in stats, and what becomes of values that are not sealed as they are now.
import assert from "node:assert/strict";
import { createCipheriv, randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { createSealer } from "../../src/codec/encryption.js";
import { STORES } from "../support/caches.js";
import { type ForgeableStore, openForgeableStore } from "../support/forge-store.js";
import { type HttpApp, serve } from "../support/http-app.js";

const KEY = { id: "k1", secret: randomBytes(32) };
const BODY = { secret: "confidential", filler: "x".repeat(3000) };

/** As the first version of the format has it: the secret itself, and a random IV. */
function sealedAsBefore(entryKey: string, value: Buffer): Buffer {
  const iv = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", KEY.secret, iv);
  cipher.setAAD(Buffer.from(entryKey));
  const ciphertext = Buffer.concat([cipher.update(value), cipher.final()]);
  return Buffer.concat([
    Buffer.from("ETCX"),
    Buffer.from([KEY.id.length]),
    Buffer.from(KEY.id),
    iv,
    cipher.getAuthTag(),
    ciphertext,
  ]);
}

for (const store of STORES) {
  describe(`encrypted entries, with the ${store} store`, () => {
    let forgeable: ForgeableStore;
    let writer: HttpApp;
    let reader: HttpApp;
    let calls = 0;
    let stored = "";

    beforeAll(async () => {
      forgeable = await openForgeableStore(store, { encryption: { keys: [KEY] }, compress: false });
      forgeable.writer.events.on("stored", ({ key = "" }) => {
        stored = key;
      });
      const apps = [forgeable.writer, forgeable.reader].map((cache) =>
        serve((app) => {
          app.get("/list", cache.cacheList("accounts", 600), (_req, res) => {
            calls++;
            res.json(BODY);
          });
        }),
      );
      [writer, reader] = (await Promise.all(apps)) as [HttpApp, HttpApp];
    });
    afterAll(async () => {
      await Promise.all([writer.close(), reader.close()]);
      await forgeable.close();
    });

    /** The key and the entry of what the writer has just stored. */
    async function fill(): Promise<void> {
      await forgeable.writer.invalidateTenantCache("tenant-1", "accounts");
      assert.equal((await writer.request("/list")).cache, "fwd=miss; stored");
      await forgeable.writer.idle();
    }
    const alarms = async () => (await forgeable.reader.stats()).totals.alarms;

    test("what one process seals another opens; seals are counted where they are made", async () => {
      const sealsOf = async () => [
        (await forgeable.writer.stats()).encryption,
        (await forgeable.reader.stats()).encryption,
      ];
      const [before] = await sealsOf();
      await fill();
      const hit = await reader.request("/list");
      assert.equal(hit.cache, "hit");
      assert.deepEqual(JSON.parse(hit.body), BODY);
      assert.equal((await reader.request("/list")).cache, "hit");
      assert.deepEqual(await sealsOf(), [
        { keyId: "k1", seals: (before?.seals ?? 0) + 1 },
        { keyId: "k1", seals: 0 },
      ]);
      await forgeable.forge((value) => {
        assert.equal(value.includes("confidential"), false);
        return value;
      });
    });

    test("what was sealed in the first version of the format is a miss and no alarm, and is replaced", async () => {
      await fill();
      await forgeable.forge((value) => {
        const entry = createSealer([KEY]).open(stored, value);
        assert.ok(Buffer.isBuffer(entry));
        return sealedAsBefore(stored, entry);
      });
      const before = await alarms();
      assert.equal((await reader.request("/list")).cache, "fwd=miss; stored");
      await forgeable.reader.idle();
      assert.equal((await reader.request("/list")).cache, "hit");
      assert.equal(await alarms(), before);
    });

    test("what is not sealed, or sealed by a key that is not ours, or for another entry, is a miss and an alarm", async () => {
      const sealer = createSealer([KEY]);
      const others = createSealer([{ ...KEY, secret: randomBytes(32) }]);
      const forgeries: Record<string, (entry: Buffer) => Buffer> = {
        "not sealed": (entry) => entry,
        "another key of the same id": (entry) => Buffer.concat(others.seal(stored, [entry])),
        "for another entry": (entry) => Buffer.concat(sealer.seal(`${stored}x`, [entry])),
        "sealed, and no entry": () => Buffer.concat(sealer.seal(stored, [Buffer.from("hello")])),
      };
      for (const [what, forge] of Object.entries(forgeries)) {
        await fill();
        await forgeable.forge((value) => {
          const entry = sealer.open(stored, value);
          assert.ok(Buffer.isBuffer(entry));
          return forge(entry);
        });
        const [before, ran] = [await alarms(), calls];
        assert.equal((await reader.request("/list")).cache, "fwd=miss; stored", what);
        assert.deepEqual([await alarms(), calls], [before + 1, ran + 1], what);
        await forgeable.reader.idle();
      }
    });
  });
}

test("without encryption there are no seals", async () => {
  const forgeable = await openForgeableStore("memory");
  assert.equal((await forgeable.writer.stats()).encryption, null);
  await forgeable.close();
});
