// The staleness probe: quiet while invalidations reach every process, and told where one does not.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import { closeAfterTest } from "../../../servers/in-test.js";
import { sharedRedisUrl } from "../../../servers/index.js";
import { until } from "../../../servers/until.js";
import { StalenessProbe, type TenantCache, type TenantCacheOptions } from "../../src/index.js";
import { parseCacheOptions } from "../../src/options/cache-options.js";
import { openStore } from "../../src/options/open-store.js";
import type { Store } from "../../src/store/store.js";
import { createTenantCacheOn } from "../../src/tenant-cache.js";
import { openCache, PATIENT, quiet, READY_WITHIN_MS, STORES } from "../support/caches.js";
import { Exposition } from "../support/exposition.js";

const INTERVAL_MS = 100;

/** Caches that share one Redis and a prefix, each as in a process of its own. */
async function processes(
  count: number,
  change: (store: Store) => void = () => undefined,
  intervalMs = INTERVAL_MS,
) {
  const options: TenantCacheOptions = {
    redis: await sharedRedisUrl(),
    keyPrefix: `probe-${Math.random().toString(36).slice(2)}:`,
    tenant: () => undefined,
    logger: quiet,
    ...PATIENT,
  };
  return Promise.all(
    Array.from({ length: count }, async () => {
      const parsed = parseCacheOptions(options);
      const opened = openStore(parsed);
      change(opened.store);
      const cache = createTenantCacheOn(opened, parsed);
      closeAfterTest(cache);
      assert.ok(await cache.ready(READY_WITHIN_MS));
      return { cache, probe: new StalenessProbe(cache, { intervalMs }) };
    }),
  );
}

const writes = (all: readonly { probe: StalenessProbe }[]) =>
  all.reduce((sum, { probe }) => sum + probe.figures.writes, 0);

describe("the staleness probe", () => {
  test.each(STORES)("reads what was written, on %s", async (store) => {
    const cache: TenantCache = await openCache(store);
    closeAfterTest(cache);
    const probe = new StalenessProbe(cache, { intervalMs: INTERVAL_MS });
    await until("three writes", async () => (await probe.probe()).writes >= 3);
    const { fresh, stale, failed, staleSeconds } = probe.figures;
    assert.ok(fresh >= 3, `${fresh} reads`);
    assert.deepEqual([stale, failed, staleSeconds], [0, 0, 0]);
    const shown = new Exposition(await cache.metrics());
    assert.equal(shown.value("etc_staleness_probe_seconds"), 0);
    assert.equal(shown.value("etc_staleness_probe_reads_total", { result: "fresh" }), fresh);
    assert.equal(shown.value("etc_staleness_probe_reads_total", { result: "stale" }), 0);
    assert.ok(shown.value("etc_staleness_probe_writes_total") >= 3);
  });

  test("in three processes one writes in each interval, and all of them see it", async () => {
    // An interval that does not end during the test: whoever is held up between two commands is still in it.
    const long = await processes(3, undefined, 600_000);
    for (let round = 0; round < 3; round++) await Promise.all(long.map(({ probe }) => probe.probe()));
    assert.equal(writes(long), 1);
    const all = await processes(3);
    await until("writes of three intervals", async () => {
      await Promise.all(all.map(({ probe }) => probe.probe()));
      return writes(all) >= 3;
    });
    for (const { probe } of [...long, ...all]) {
      const { fresh, stale, failed } = probe.figures;
      assert.ok(fresh > 0);
      assert.deepEqual([stale, failed], [0, 0]);
    }
  });

  test("an invalidation that is confirmed and changes nothing is seen, by every process, until it works again", async () => {
    let isBroken = false;
    const all = await processes(2, (store) => {
      const replace = store.replaceFences.bind(store);
      store.replaceFences = async (keys, ttlMs) => (isBroken ? undefined : replace(keys, ttlMs));
    });
    const round = async () => Promise.all(all.map(({ probe }) => probe.probe()));
    await until("a first write", async () => (await round()) && writes(all) >= 1);
    isBroken = true;
    await until("both are stale", async () => (await round()).every(({ stale }) => stale > 0));
    for (const { probe } of all) assert.ok(probe.figures.staleSeconds > 0);
    isBroken = false;
    await until("both are fresh", async () =>
      (await round()).every(({ staleSeconds }) => staleSeconds === 0),
    );
  });

  test("runs by itself, and ends when it is stopped", async () => {
    const [one] = await processes(1);
    assert.ok(one);
    const { probe } = one;
    assert.equal(probe.start(), probe);
    await until("it has read", () => probe.figures.fresh >= 2);
    probe.stop();
    await one.cache.idle();
  });

  test("a store that is away is no stale read", async () => {
    const cache = await openCache("memory");
    closeAfterTest(cache);
    const probe = new StalenessProbe(cache);
    await cache.close();
    const { stale, failed } = await probe.probe();
    assert.deepEqual([stale, failed], [0, 1]);
  });

  test("is refused with options that it does not know, and on a store without counters", async () => {
    const cache = await openCache("memory");
    closeAfterTest(cache);
    assert.throws(() => new StalenessProbe(cache, { interval: 5 } as never), { code: "ETC_OPTIONS" });
    assert.throws(() => new StalenessProbe({ ...cache }), { code: "ETC_OPTIONS" });
  });
});
