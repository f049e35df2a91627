// Check `claimed-tenant`: whose data a request is about is what authentication says, never what the client says.
// Tests: test/integration/verify-routes.test.ts
import { type Claim, claims } from "./claims.js";
import { CheckFailure } from "./comparison.js";
import { isHit, type RouteProbe } from "./route-probe.js";

export async function checkClaimedTenant(probe: RouteProbe): Promise<string> {
  const own = new Set((await probe.places(0)).map(({ tenant }) => tenant));
  const others = (await probe.places(1)).map(({ tenant }) => tenant);
  const names = new Set(
    [...others, ...(probe.options.tenants[1].names ?? [])].filter((name) => !own.has(name)),
  );
  const claimed = [...names].flatMap((name) => claims(probe.options, name));
  for (const url of new Set([probe.url(0), probe.url(1)])) {
    const mine = await probe.uncached(0, { url });
    const theirs = await probe.uncached(1, { url });
    for (const claim of claimed) {
      const { answer, tenants } = await probe.observe(0, claim.at(url));
      const strange = tenants.find((tenant) => !own.has(tenant));
      if (strange !== undefined) throw new CheckFailure(takenFor(claim, strange));
      if (probe.compare(answer, theirs).same && !probe.compare(answer, mine).same) {
        throw new CheckFailure(
          `tenant 1 named tenant 2 in ${claim.where}, and received its answer at ${url}: the handler must ask authentication for the tenant`,
        );
      }
    }
  }
  for (const name of names) if (probe.route.mutate !== undefined) await isNotWrittenFor(probe, name);
  return `tenant 1 named tenant 2 in ${claimed.length} places, and stayed tenant 1`;
}

function takenFor({ where }: Claim, tenant: string): string {
  return `tenant 1 named another tenant in ${where}, and the cache took the request for "${tenant}": its option tenant must return what authentication has found`;
}

/** A mutation that is refused for what is in its body is none. */
async function isNotWrittenFor(probe: RouteProbe, name: string): Promise<void> {
  const before = await probe.warm(1);
  if (!(await probe.mutateFor(name))) return;
  const after = await probe.uncached(1);
  const mine = await probe.uncached(0);
  if (!probe.compare(after, before).same) {
    throw new CheckFailure(
      "tenant 1 named tenant 2 in the body of a mutation, and changed what that one reads",
    );
  }
  if (isHit(before) && !isHit(await probe.read(1))) {
    throw new CheckFailure(
      "tenant 1 named tenant 2 in the body of a mutation, and took the entries of that one: the cache's option tenant must return what authentication has found",
    );
  }
  probe.expectSame(await probe.read(0), mine, "the read after a mutation that named another tenant is old");
}
