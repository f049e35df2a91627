// Check `variation`: whatever changes the handler's answer is part of the key.
// Tests: test/integration/verify-routes.test.ts
import { CheckFailure } from "./comparison.js";
import type { TenantIndex } from "./options.js";
import type { RouteProbe } from "./route-probe.js";

type Headers = Readonly<Record<string, string>>;

/** What handlers are known to look at. */
const USUAL_SUSPECTS: readonly Headers[] = [
  { accept: "text/csv" },
  { accept: "application/xml" },
  { "accept-language": "de" },
  { "accept-language": "fr" },
  { "user-agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Mobile" },
  { origin: "https://other.example" },
  { prefer: "return=minimal" },
  { "x-requested-with": "XMLHttpRequest" },
  { "x-forwarded-host": "other.example" },
  { "x-forwarded-proto": "https" },
];

export async function checkVariation(probe: RouteProbe): Promise<string> {
  let varying = 0;
  for (const tenant of [0, 1] as const) {
    const { views = [] } = probe.options.tenants[tenant];
    for (const headers of views) varying += await varies(probe, tenant, headers, "view");
  }
  for (const headers of USUAL_SUSPECTS) varying += await varies(probe, 0, headers, "header");
  for (const name of ignoredBy(probe)) await ignores(probe, name);
  return `${varying} of the requests that were tried change the answer, and each gets its own`;
}

/** Query parameters that some route of the cache leaves out of its keys. */
function ignoredBy(probe: RouteProbe): string[] {
  return [...(probe.options.cache.events.ignoredParams ?? [])].map((pattern) =>
    pattern.replace("*", "source"),
  );
}

/** Fills the cache without the parameter, then reads with it. */
async function ignores(probe: RouteProbe, name: string): Promise<void> {
  const plain = probe.url(0);
  const url = `${plain}${plain.includes("?") ? "&" : "?"}${encodeURIComponent(name)}=other`;
  await probe.warm(0);
  const answer = await probe.read(0, { url });
  const comparison = probe.compare(answer, await probe.uncached(0, { url }));
  if (comparison.same) return;
  throw new CheckFailure(
    `the handler's answer depends on the query parameter ${name}, the cache's does not; take it out of ignoreParams (${comparison.difference})`,
  );
}

/**
 * Fills the cache without the headers, then reads with them. Resolves with 1 where they change the handler's
 * answer.
 */
async function varies(
  probe: RouteProbe,
  tenant: TenantIndex,
  headers: Headers,
  kind: "view" | "header",
): Promise<0 | 1> {
  const own = await probe.uncached(tenant, { headers });
  const plain = await probe.warm(tenant);
  if (probe.compare(plain, own).same) return 0;
  const answer = await probe.read(tenant, { headers });
  const comparison = probe.compare(answer, own);
  if (comparison.same) return 1;
  // Values may be credentials.
  const names = Object.keys(headers).join(", ");
  const told =
    kind === "view"
      ? `another view of tenant ${tenant + 1} (${names}) received the first one's answer; give cacheList scope: (req) => the role or user`
      : `the handler's answer depends on ${JSON.stringify(headers)}, the cache's does not; give cacheList vary: [${JSON.stringify(names)}]`;
  throw new CheckFailure(`${told} (${comparison.difference})`);
}
