// Check `outage`: the API works without the cache's store, and nothing from before is served when it is back.
// Tests: test/integration/verify-routes.test.ts
import { CheckFailure } from "./comparison.js";
import type { RouteProbe } from "./route-probe.js";

const READS = 5;

export async function checkOutage(probe: RouteProbe): Promise<string> {
  const { cache, outage } = probe.options;
  if (outage === undefined) throw new TypeError("there is no outage");
  await probe.warmed(0);
  await probe.warmed(1);
  await outage.begin();
  try {
    await readsAreRight(probe, "during the outage");
    if (probe.route.mutate) {
      await probe.mutate({ mayBeUnavailable: true });
      await readsAreRight(probe, "after a mutation during the outage");
    }
  } finally {
    await outage.end();
  }
  await readsAreRight(probe, "when the store is back");
  if (!(await cache.ready(probe.timeoutMs))) {
    throw new CheckFailure(`the cache does not use its store ${probe.timeoutMs} ms after the outage`);
  }
  await readsAreRight(probe, "after the outage");
  await probe.warmed(0);
  return "requests were answered during the outage, and nothing old was served after it";
}

async function readsAreRight(probe: RouteProbe, when: string): Promise<void> {
  for (const tenant of [0, 1] as const) {
    const own = await probe.uncached(tenant);
    for (let read = 0; read < READS; read++) {
      probe.expectSame(await probe.read(tenant), own, `tenant ${tenant + 1} ${when}`);
    }
  }
}
