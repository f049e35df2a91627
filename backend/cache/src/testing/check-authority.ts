// Check `authority`: what an answer owes to the host that was asked is served to nobody who asked for another.
// Tests: test/integration/verify-routes.test.ts
import { CheckFailure, differingHeaders } from "./comparison.js";
import type { Answer } from "./http-exchange.js";
import type { RouteProbe } from "./route-probe.js";

type Headers = Readonly<Record<string, string>>;

/** What a client may say, and what a proxy that the app trusts passes on. */
const FORGED: readonly Headers[] = [
  { host: "other.example" },
  { host: "other.example:8443" },
  { "x-forwarded-host": "other.example" },
  { "x-forwarded-proto": "https" },
  { "x-forwarded-host": "other.example", "x-forwarded-proto": "https" },
  { host: "other.example", "x-forwarded-host": "third.example" },
];

/** What the handler answers, twice: what differs between the two is of each request. */
type Uncached = readonly [before: Answer, after: Answer];

export async function checkAuthority(probe: RouteProbe): Promise<string> {
  const usual: Uncached = [await probe.uncached(0), await probe.uncached(0)];
  let varying = 0;
  for (const headers of FORGED) {
    const first = await probe.uncached(0, { headers });
    if (isSame(probe, first, usual)) continue;
    varying++;
    const forged: Uncached = [first, await probe.uncached(0, { headers })];
    await probe.cool();
    // Whoever forges comes first, and again, so that there is a hit where there can be one.
    for (let round = 0; round < 2; round++) {
      expect(probe, await probe.read(0, { headers }), forged, `a request with ${told(headers)}`);
      expect(probe, await probe.read(0), usual, `a request after one with ${told(headers)}`);
      await probe.options.cache.idle();
    }
  }
  return `${varying} of ${FORGED.length} other hosts and schemes change the answer, and each gets its own`;
}

function expect(probe: RouteProbe, answer: Answer, uncached: Uncached, what: string): void {
  if (isSame(probe, answer, uncached)) return;
  throw new CheckFailure(
    `${what} got what was made for another host: where answers have absolute links, leave authority at "key", or name the hosts that the app answers to; leave X-Forwarded-* to Express ("trust proxy")`,
  );
}

/** Links may be in headers, too. */
function isSame(probe: RouteProbe, answer: Answer, [before, after]: Uncached): boolean {
  if (!probe.compare(answer, before).same) return false;
  return probe.route.normalize !== undefined || differingHeaders(answer, before, after).length === 0;
}

function told(headers: Headers): string {
  return Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}`)
    .join(", ");
}
