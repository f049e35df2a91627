// `verifyRoutes` and `assertRoutes`: runs every check on every route of a user's own app.
import { refuseSurplus } from "../options/arguments.js";
import { messageOf } from "../thrown.js";
import { CHECKS, type NamedCheck } from "./checks.js";
import { serveApp } from "./http-exchange.js";
import { DEFAULT_TIMEOUT_MS, fillPath, type VerifyOptions } from "./options.js";
import { type CheckResult, formatFailures, type VerifyReport } from "./report.js";
import { RouteProbe } from "./route-probe.js";
import { checkOptions } from "./verify-schema.js";

/**
 * Verifies that an app's cached routes keep the cache's guarantees: serves the app on a loopback port, and
 * reads, changes and races each route as two tenants. Makes some hundred requests a route, and invalidates
 * what it reads.
 *
 * @returns what each check found; a check that fails does not reject
 * @throws TenantCacheError `ETC_OPTIONS`, `ETC_ARGUMENTS` where the options cannot be used (no route, a path
 *   parameter without a value)
 */
export async function verifyRoutes(options: VerifyOptions, ...surplus: never[]): Promise<VerifyReport> {
  refuseSurplus("verifyRoutes", surplus, "one object: verifyRoutes({ app, cache, tenants, routes })");
  checkOptions(options);
  // Named before the first request is made.
  for (const { path, params } of options.routes)
    for (const tenant of [0, 1] as const) fillPath(path, params, tenant);
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const app = await serveApp(options.app, timeoutMs);
  const checks: CheckResult[] = [];
  try {
    if (!(await options.cache.ready(timeoutMs))) {
      throw new TypeError(
        "verifyRoutes: the cache's store is not reachable: start it, or verify without redis",
      );
    }
    for (const route of options.routes) {
      const probe = new RouteProbe(app, route, options, timeoutMs);
      for (const check of CHECKS) {
        if (options.checks?.includes(check.name) ?? true) checks.push(await runCheck(check, probe));
      }
    }
  } finally {
    await app.close();
  }
  return { ok: checks.every(({ outcome }) => outcome !== "failed"), checks };
}

/**
 * As {@link verifyRoutes}, for a test of any framework.
 *
 * @throws Error that lists the checks that failed
 * @throws TenantCacheError as verifyRoutes
 */
export async function assertRoutes(options: VerifyOptions, ...surplus: never[]): Promise<void> {
  const report = await verifyRoutes(options, ...surplus);
  if (report.ok) return;
  throw new Error(`routes do not keep the cache's guarantees:\n${formatFailures(report)}`);
}

async function runCheck(check: NamedCheck, probe: RouteProbe): Promise<CheckResult> {
  const { name, needs } = check;
  const route = probe.route.path;
  const given = { mutate: probe.route.mutate, outage: probe.options.outage };
  if (needs !== undefined && given[needs] === undefined) {
    return { name, route, outcome: "skipped", details: `give ${needs} to have this verified` };
  }
  try {
    return { name, route, outcome: "ok", details: await check.run(probe) };
  } catch (error) {
    return { name, route, outcome: "failed", details: messageOf(error) };
  }
}
