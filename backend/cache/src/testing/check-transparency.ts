// Checks `hit` and `transparency`: the route is cached, and nobody can tell by the answer.
// Tests: test/integration/verify-routes.test.ts
import { CheckFailure, differingHeaders } from "./comparison.js";
import { cacheStatus, isHit, type RouteProbe } from "./route-probe.js";

export async function checkHit(probe: RouteProbe): Promise<string> {
  await probe.cool();
  const answer = await probe.warm(0);
  if (isHit(answer)) return "the second request is a hit";
  const status = cacheStatus(answer);
  if (status === "none") {
    throw new CheckFailure(
      `no cacheList has seen the request (status ${answer.status}): is the path right, and do the tenant's headers authenticate?`,
    );
  }
  const advice = status.includes("no-tenant")
    ? "the cache's option tenant resolves none: mount cacheList after authentication"
    : status.includes("detail=authority")
      ? "the option authority does not name 127.0.0.1: name it, or give the tenants' headers a host that it names"
      : "is the answer storable (200, no Set-Cookie, no Cache-Control: private or no-store, no undeclared Vary)?";
  throw new CheckFailure(`the second request is no hit (status ${answer.status}, ${status}); ${advice}`);
}

export async function checkTransparency(probe: RouteProbe): Promise<string> {
  for (const tenant of [0, 1] as const) {
    const before = await probe.uncached(tenant);
    const hit = await probe.warmed(tenant);
    const after = await probe.uncached(tenant);
    probe.expectSame(
      after,
      before,
      "two answers without the cache differ, so that nothing can be compared (give the route normalize)",
    );
    probe.expectSame(hit, after, `a hit of tenant ${tenant + 1} is not what the handler answers`);
    // A body that has something of each answer in it has a validator and a digest of each answer too.
    const headers = probe.route.normalize ? [] : differingHeaders(hit, before, after);
    if (headers.length > 0) {
      throw new CheckFailure(`a hit of tenant ${tenant + 1} has other headers: ${headers.join(", ")}`);
    }
  }
  return "hits have the handler's status, bytes and headers";
}
