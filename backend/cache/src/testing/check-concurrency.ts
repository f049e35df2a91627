// Check `concurrency`: cold requests of both tenants at once.
// Tests: test/integration/verify-routes.test.ts
import type { TenantIndex } from "./options.js";
import type { RouteProbe } from "./route-probe.js";

const ROUNDS = 3;
const REQUESTS_EACH = 10;

export async function checkConcurrency(probe: RouteProbe): Promise<string> {
  const own = [await probe.uncached(0), await probe.uncached(1)] as const;
  for (let round = 0; round < ROUNDS; round++) {
    await probe.cool();
    const tenants = Array.from(
      { length: 2 * REQUESTS_EACH },
      (_none, index): TenantIndex => (index % 2 === 0 ? 0 : 1),
    );
    const answers = await Promise.all(
      tenants.map(async (tenant) => ({ tenant, answer: await probe.read(tenant) })),
    );
    for (const { tenant, answer } of answers) {
      probe.expectSame(
        answer,
        own[tenant],
        `tenant ${tenant + 1}, one of ${tenants.length} cold requests at once`,
      );
    }
  }
  return `${ROUNDS} times ${2 * REQUESTS_EACH} cold requests at once: each tenant got its own answer`;
}
