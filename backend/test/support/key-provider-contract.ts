// What every key provider has to do: run on the local one, and on a KMS as tests have it.
import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import {
  KeyDestroyed,
  type KeyProvider,
  type KeyRef,
  KeysUnavailable,
} from "../../services/subjects/key-provider.js";

export interface ProviderUnderTest {
  /** The same store of secrets, with these versions: the first wraps. */
  with(...versions: string[]): KeyProvider;
  close(): Promise<void>;
}

const newRef = (): KeyRef => ({ tenantId: randomUUID(), keyId: randomUUID() });

export function describeKeyProvider(name: string, start: () => ProviderUnderTest): void {
  describe(`key provider: ${name}`, () => {
    let under: ProviderUnderTest;
    beforeAll(() => {
      under = start();
    });
    afterAll(() => under.close());

    test("a data key opens again, in every process, and is no other's", async () => {
      const [one, other] = [under.with("a"), under.with("a")];
      const ref = newRef();
      const { dataKey, wrapped } = await one.generate(ref);
      assert.equal(dataKey.length, 32);
      assert.equal(wrapped.version, "a");
      assert.equal(wrapped.bytes.includes(dataKey), false);
      assert.deepEqual(await other.unwrap(ref, wrapped), dataKey);
      assert.notDeepEqual((await one.generate(newRef())).dataKey, dataKey);
      // The buffer is the caller's, who overwrites it.
      (await other.unwrap(ref, wrapped)).fill(0);
      assert.deepEqual(await other.unwrap(ref, wrapped), dataKey);
    });

    test("a key is made once", async () => {
      const ref = newRef();
      const { dataKey, wrapped } = await under.with("a").generate(ref);
      await assert.rejects(under.with("a").generate(ref), KeysUnavailable);
      assert.deepEqual(await under.with("a").unwrap(ref, wrapped), dataKey);
    });

    test("it opens for its own tenant and id, and as it was wrapped, alone", async () => {
      const provider = under.with("a", "b");
      const [ref, other] = [newRef(), newRef()];
      const { wrapped } = await provider.generate(ref);
      await provider.generate(other);
      const wrong: readonly [KeyRef, typeof wrapped][] = [
        [other, wrapped],
        [{ ...ref, tenantId: other.tenantId }, wrapped],
        [{ ...ref, keyId: other.keyId }, wrapped],
        [ref, { ...wrapped, version: "b" }],
        [ref, { ...wrapped, version: "unknown" }],
        [ref, { ...wrapped, bytes: randomBytes(wrapped.bytes.length) }],
        [ref, { ...wrapped, bytes: wrapped.bytes.subarray(0, -1) }],
        [ref, { ...wrapped, bytes: Buffer.alloc(0) }],
      ];
      for (const [at, bytes] of wrong) await assert.rejects(provider.unwrap(at, bytes), KeysUnavailable);
    });

    test("rotation: the older version opens until all are wrapped again, and is not needed then", async () => {
      const ref = newRef();
      const { dataKey, wrapped } = await under.with("a").generate(ref);
      const both = under.with("b", "a");
      assert.deepEqual(await both.unwrap(ref, wrapped), dataKey);
      const again = await both.rewrap(ref, wrapped);
      assert.equal(again.version, "b");
      assert.deepEqual(await under.with("b").unwrap(ref, again), dataKey);
      await assert.rejects(under.with("b").unwrap(ref, wrapped), KeysUnavailable);
    });

    test("destroyed, it opens for nobody, from no copy, under no version; others do", async () => {
      const provider = under.with("b", "a");
      const [ref, kept] = [newRef(), newRef()];
      const { wrapped } = await under.with("a").generate(ref);
      const copies = [wrapped, await provider.rewrap(ref, wrapped)];
      const other = await provider.generate(kept);
      await provider.destroy(ref);
      for (const versions of [["a", "b"], ["b"], ["a"]]) {
        for (const copy of copies)
          await assert.rejects(under.with(...versions).unwrap(ref, copy), KeyDestroyed);
      }
      await assert.rejects(provider.rewrap(ref, wrapped), KeyDestroyed);
      await assert.rejects(provider.generate(ref), KeysUnavailable);
      assert.deepEqual(await provider.unwrap(kept, other.wrapped), other.dataKey);
      await provider.destroy(ref);
    });

    test("what was never made may be destroyed, and is not made later", async () => {
      const ref = newRef();
      await under.with("a").destroy(ref);
      await assert.rejects(under.with("a").generate(ref), KeysUnavailable);
    });
  });
}
