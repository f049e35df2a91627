// Checks `isolation` and `no-tenant`: what was made for a tenant is served to that tenant alone.
// Tests: test/integration/verify-routes.test.ts
import { CheckFailure } from "./comparison.js";
import type { TenantIndex } from "./options.js";
import { isHit, type RouteProbe } from "./route-probe.js";

export async function checkIsolation(probe: RouteProbe): Promise<string> {
  // One URL, or one of each tenant's: then both are asked for both.
  const urls = new Set([probe.url(0), probe.url(1)]);
  let alike = 0;
  for (const url of urls) {
    for (const [first, second] of [
      [0, 1],
      [1, 0],
    ] as const) {
      if (!(await isKeptFrom(probe, url, first, second))) alike++;
    }
  }
  const [mine, theirs] = [await probe.places(0), await probe.places(1)];
  const shared = mine.find(({ tenant }) => theirs.some((place) => place.tenant === tenant));
  if (shared) {
    throw new CheckFailure(
      `the cache takes both tenants for "${shared.tenant}": its option tenant must return what authentication has found`,
    );
  }
  const remark =
    alike > 0 ? "; their answers are alike, so that only the cache's own tenant tells them apart" : "";
  return `each tenant gets its own answers${remark}`;
}

/** Fills the cache as `first`, then reads as `second`. Resolves with whether their answers differ. */
async function isKeptFrom(
  probe: RouteProbe,
  url: string,
  first: TenantIndex,
  second: TenantIndex,
): Promise<boolean> {
  await probe.cool();
  const theirs = await probe.read(first, { url });
  await probe.options.cache.idle();
  const own = await probe.uncached(second, { url });
  for (let round = 0; round < 2; round++) {
    const answer = await probe.read(second, { url });
    if (!probe.compare(answer, own).same && probe.compare(answer, theirs).same) {
      throw new CheckFailure(`tenant ${second + 1} received the answer of tenant ${first + 1} at ${url}`);
    }
    probe.expectSame(answer, own, `tenant ${second + 1} did not get its own answer at ${url}`);
    await probe.options.cache.idle();
  }
  return !probe.compare(theirs, own).same;
}

export async function checkNoTenant(probe: RouteProbe): Promise<string> {
  const own = await probe.uncached("nobody");
  for (const tenant of [0, 1] as const) {
    const cached = await probe.warm(tenant);
    for (let round = 0; round < 2; round++) {
      const answer = await probe.read("nobody", { url: probe.url(tenant) });
      if (isHit(answer)) throw new CheckFailure("a request without a tenant was a hit");
      if (probe.compare(answer, cached).same && !probe.compare(own, cached).same) {
        throw new CheckFailure(`a request without a tenant received the answer of tenant ${tenant + 1}`);
      }
      await probe.options.cache.idle();
    }
  }
  return `a request without a tenant is answered with ${own.status}, not from the cache`;
}
