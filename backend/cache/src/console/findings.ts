// What wants an operator, worked out from figures that are there: each with the page that shows its cause.
// Tests: test/integration/console-faults.test.ts, test/integration/console-pages.test.ts
import type { RouteAdvice } from "../advice/cache-advice.js";
import type { Alert } from "../ops/alert-rules.js";
import type { CacheStats, ModuleStats, TenantStats } from "../stats.js";
import { link } from "./html.js";
import { bytes, count, percent, seconds } from "./quantities.js";
import { mostOf, whatToDo } from "./reasons.js";

export interface Finding {
  readonly text: string;
  readonly page: string;
}

/** Of all tenants together: only for who sees all. */
export interface Whole {
  readonly stats: Pick<CacheStats, "store" | "server" | "inventoryComplete">;
  readonly alerts: readonly Alert[];
  readonly routes: readonly RouteAdvice[];
  /** Why requests of a module were not looked up. */
  reasonsOf(module: string): ReadonlyMap<string, number>;
}

export interface Judged {
  readonly modules: CacheStats["modules"];
  readonly tenants: ReadonlyMap<string, TenantStats>;
  readonly whole?: Whole | undefined;
  readonly maxBytesPerTenant: number | null;
}

/** Fewer say nothing yet. */
const ENOUGH = 20;
const MIN_HIT_RATIO = 0.6;
const MAX_BYPASS_SHARE = 0.2;
const MAX_TENANT_SHARE = 0.5;
const NEAR_QUOTA = 0.9;
/** A longer TTL is told of where it would bring so much. */
const WORTH_TELLING = 0.1;

export function findingsOf(judged: Judged): readonly Finding[] {
  const { whole } = judged;
  return [
    ...(whole ? ofStore(whole.stats) : []),
    ...(whole?.alerts ?? []).map(({ message }) => ({ text: `Alert: ${message}`, page: "alerts" })),
    ...Object.entries(judged.modules).flatMap(([name, stats]) => ofModule(name, stats, whole)),
    ...ofTenants(judged),
  ];
}

function ofStore({ store, server, inventoryComplete }: Whole["stats"]): Finding[] {
  const { circuit, reason, pendingInvalidations, kind } = store;
  const found: string[] = [];
  if (circuit !== "closed") found.push(`The store is away (${reason ?? circuit}): handlers answer`);
  else if (reason !== null) found.push(`The store: ${reason}`);
  else if (server === null && kind !== "memory")
    found.push(
      "The store does not tell of its memory and evictions: a Redis user needs +info and +dbsize for that",
    );
  else if (!inventoryComplete)
    found.push(
      "Entries are not counted, or not all of them: there are more than are counted at a time, or the Redis user lacks +scan and +strlen",
    );
  if (pendingInvalidations > 0) {
    const waiting =
      pendingInvalidations === 1
        ? "1 invalidation waits"
        : `${count(pendingInvalidations)} invalidations wait`;
    found.push(`${waiting} for the store to come back`);
  }
  return found.map((text) => ({ text, page: "alerts" }));
}

function ofModule(module: string, stats: ModuleStats, whole: Whole | undefined): Finding[] {
  const { hits, misses, bypasses, invalidations, alarms, errors } = stats;
  const page = link("modules", { module });
  const asked = hits + misses + bypasses;
  const found: string[] = [];
  if (asked >= ENOUGH && bypasses / asked > MAX_BYPASS_SHARE) {
    const share = `${percent(bypasses / asked)} of its requests are not looked up`;
    const most = whole && mostOf(whole.reasonsOf(module));
    if (most?.[0] !== "store-unavailable")
      found.push(most ? `${share}: ${most[0]}, ${whatToDo(most[0])}` : `${share}. The live tail says why`);
  }
  const routes = whole?.routes.filter((route) => route.module === module) ?? [];
  const told = routes.flatMap(ofRoute);
  found.push(...told);
  if (told.length === 0 && hits + misses >= ENOUGH && hits / (hits + misses) < MIN_HIT_RATIO)
    found.push(`hit ratio ${percent(hits / (hits + misses))}; ${whyFewHits(stats, routes)}`);
  if (hits >= ENOUGH && invalidations === 0 && !isWrittenUnseen(routes))
    found.push("nothing has invalidated it since this process began. Does whatever writes it say so?");
  if (alarms > 0) found.push(`${count(alarms)} alarms. Entries did not decode, or were another request's`);
  if (errors >= ENOUGH) found.push(`${count(errors)} operations of the store failed`);
  return found.map((text) => ({ text: `${module}: ${text}`, page }));
}

function whyFewHits(
  { hits, misses, sets, invalidations, quotaEvictions }: ModuleStats,
  routes: readonly RouteAdvice[],
): string {
  const forecasts = routes.flatMap(({ ttls }) => ttls.map(({ hitRatio }) => hitRatio));
  // What has been reached can be reached.
  const best = Math.max(hits / (hits + misses), ...forecasts);
  if (quotaEvictions * 4 > misses)
    return `entries made room for others of their tenant (${count(quotaEvictions)} times)`;
  if (routes.length > 0 && best < MIN_HIT_RATIO)
    return `little is asked for twice: no TTL would bring more than ${percent(best)}`;
  if (invalidations * 2 > misses) return `it is invalidated often (${count(invalidations)} times)`;
  return sets < misses / 2
    ? "most of its answers are not stored: see their Cache-Status"
    : "entries are gone before they are asked for again: is its TTL short?";
}

function isWrittenUnseen(routes: readonly RouteAdvice[]): boolean {
  return routes.some(({ warnings }) => warnings.some(({ code }) => code === "unseen-writes"));
}

function ofRoute({ path, requests, present, suggested, warnings, unstorable }: RouteAdvice): string[] {
  const where = path ?? "values";
  const found = warnings.map(({ code, text }) => {
    if (code !== "mostly-unstorable") return `${where}: ${text}`;
    const [reason = ""] = mostOf(Object.entries(unstorable)) ?? [];
    return `${where}: most answers are not stored: ${reason}, ${whatToDo(reason)}`;
  });
  const gain = (suggested?.hitRatio ?? 0) - (present?.hitRatio ?? 0);
  if (present && suggested && requests >= ENOUGH && suggested.ttlSeconds > present.ttlSeconds)
    if (gain > WORTH_TELLING)
      found.push(
        `${where}: a TTL of ${seconds(present.ttlSeconds)} brings a hit ratio of ${percent(present.hitRatio)}; ${seconds(suggested.ttlSeconds)} would bring ${percent(suggested.hitRatio)}`,
      );
  return found;
}

function ofTenants({ tenants, maxBytesPerTenant }: Judged): Finding[] {
  const all = [...tenants.values()].reduce((sum, tenant) => sum + (tenant.bytes ?? 0), 0);
  const found: Finding[] = [];
  for (const [tenant, { bytes: held, quotaBytes, quotaEvictions, quotaRefusals, entries }] of tenants) {
    // Made only where it is needed: most of ten thousand tenants want nobody.
    const tell = (text: string) => found.push({ text, page: link("tenants", { tenant }) });
    if (quotaEvictions + quotaRefusals > 0)
      tell(
        `${tenant} is at its bound of ${bytes(maxBytesPerTenant)}: ${count(quotaEvictions)} of its entries made room, ${count(quotaRefusals)} were not stored`,
      );
    else if (maxBytesPerTenant !== null && (quotaBytes ?? 0) > NEAR_QUOTA * maxBytesPerTenant)
      tell(`${tenant} is near its bound of ${bytes(maxBytesPerTenant)}`);
    else if (tenants.size > 2 && all > 0 && (held ?? 0) / all > MAX_TENANT_SHARE && (entries ?? 0) >= ENOUGH)
      tell(`${tenant} holds ${percent((held ?? 0) / all)} of all bytes`);
  }
  return found;
}
