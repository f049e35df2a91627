// Samples of a fixed number of keys, their order of use in bytes, and the curve of distances.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import fc from "fast-check";
import { DistanceCurve } from "../../src/advice/distance-curve.js";
import { SampleColumns } from "../../src/advice/sample-columns.js";
import { TenantSample } from "../../src/advice/tenant-sample.js";
import { mixed, SAMPLE_SPACE, sampleOf, textHash } from "../../src/advice/text-hash.js";

describe("hashes to sample by", () => {
  test("spread over all of their space, whatever is alike in what they are made of", () => {
    const buckets = new Array<number>(16).fill(0);
    for (let n = 0; n < 16_000; n++) {
      const bucket = Math.floor((textHash(`users:profile:${n}`) / 2 ** 32) * 16);
      buckets[bucket] = (buckets[bucket] ?? 0) + 1;
    }
    for (const count of buckets) assert.ok(count > 800 && count < 1200, `${buckets}`);
  });

  test("of one request differ with whose entry it is", () => {
    const hex = "0123456789abcdef0123456789abcdef";
    const samples = [sampleOf(hex, "a", "x"), sampleOf(hex, "b", "x"), sampleOf(hex, "a", "y")];
    assert.equal(new Set(samples).size, 3);
    for (const sample of samples) assert.ok(sample >= 0 && sample < SAMPLE_SPACE);
  });
});

describe("a tenant's sample", () => {
  test("holds the keys with the least hashes of each route, and thresholds are what tells them", () => {
    const asks = fc.array(
      fc.record({
        hash: fc.integer({ min: 1, max: SAMPLE_SPACE - 1 }),
        isRare: fc.integer({ min: 0, max: 9 }),
      }),
      { maxLength: 200 },
    );
    fc.assert(
      fc.property(asks, (asked) => {
        const sample = new TenantSample("t", new SampleColumns(32), 32);
        const hashesOf = [new Set<number>(), new Set<number>()] as const;
        for (const { hash, isRare } of asked) {
          const route = isRare === 0 ? 1 : 0;
          if (hashesOf[1 - route]?.has(hash)) continue;
          hashesOf[route].add(hash);
          if (sample.samples(hash, route) && sample.placeOf(hash) === undefined) sample.admit(hash, route);
        }
        const held = hashesOf.map((hashes) =>
          [...hashes].filter((hash) => sample.placeOf(hash) !== undefined),
        );
        for (const [route, hashes] of hashesOf.entries())
          for (const hash of hashes) assert.equal(sample.samples(hash, route), held[route]?.includes(hash));
        const all = hashesOf[0].size + hashesOf[1].size;
        assert.ok(sample.keys <= 32 && sample.keys >= Math.min(all, 30), `${sample.keys} of ${all}`);
        // A route with fewer keys than the other is known by all of them.
        if (hashesOf[1].size < 10) assert.equal(held[1]?.length, hashesOf[1].size);
      }),
    );
  });

  test("knows the bytes that were asked for since, also when it has been made smaller", () => {
    const columns = new SampleColumns(64);
    const sample = new TenantSample("t", columns, 32);
    const order: number[] = [];
    for (let n = 0; n < 2000; n++) {
      if (n === 1000) {
        sample.limit(24);
        for (const hash of [...order])
          if (sample.placeOf(hash) === undefined) order.splice(order.indexOf(hash), 1);
      }
      const hash = mixed(mixed(n) % 40) >>> 1;
      const known = sample.placeOf(hash);
      if (known === undefined && !sample.samples(hash, 0)) continue;
      const before = sample.keys;
      const place = known ?? sample.admit(hash, 0);
      for (const other of [...order])
        if (sample.placeOf(other) === undefined) order.splice(order.indexOf(other), 1);
      if (place === undefined) continue;
      if (known === undefined) columns.bytes[place] = 100 + (hash % 50);
      const weight = sample.weightOf(0);
      const distance = sample.touch(place);
      const at = order.indexOf(hash);
      const since = order.slice(at + 1).reduce((sum, other) => sum + 100 + (other % 50), 0);
      if (known === undefined) assert.equal(distance, undefined, `${before}`);
      else assert.ok(Math.abs((distance ?? -1) / weight - since) < 1e-6, `${n}`);
      if (at >= 0) order.splice(at, 1);
      order.push(hash);
    }
    assert.ok(sample.keys <= 24 && sample.keys > 10);
  });

  test("gives its places back", () => {
    const columns = new SampleColumns(8);
    for (let round = 0; round < 5; round++) {
      const sample = new TenantSample("t", columns, 8);
      const places = new Set(Array.from({ length: 8 }, (_, n) => sample.admit(n * 1000 + round, n % 3)));
      assert.equal(places.size, 8);
      for (const place of places) columns.dependOn(place ?? 0, [7, 9]);
      assert.ok(columns.mayDepend(7) && columns.dependsOn(0, 9));
      sample.close();
      assert.equal(columns.mayDepend(7), false);
    }
  });
});

describe("a curve", () => {
  test("counts a request at the least size at which it hits, a fifth more at most", () => {
    for (const bytes of [1, 1024, 1025, 5000, 1e6, 3e9]) {
      const curve = new DistanceCurve();
      curve.add(bytes, 1);
      const [point] = curve.points(1, 0);
      assert.ok(point && point.bytes >= bytes && point.bytes < Math.max(1025, 1.2 * bytes), `${bytes}`);
      assert.equal(curve.hitRatio(point.bytes, 1, 0), 1);
    }
  });

  test("stays between 0 and 1, whatever the sample lacks", () => {
    const curve = new DistanceCurve();
    curve.add(5000, 10);
    assert.equal(curve.hitRatio(1e6, 8, 0), 1);
    assert.equal(curve.hitRatio(1e6, 8, -20), 0);
    assert.equal(curve.hitRatio(1e6, 0, 0), 0);
  });
});
