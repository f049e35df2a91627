// What wants an operator, worked out from figures that are there: each with the page that shows more of it.
// Tests: test/unit/console-parts.test.ts
import type { Alert } from "../ops/alert-rules.js";
import type { CacheStats, ModuleStats, StoreStats, TenantStats } from "../stats.js";
import { link } from "./html.js";
import { bytes, count, percent } from "./quantities.js";

export interface Finding {
  readonly text: string;
  readonly page: string;
}

export interface Judged {
  readonly modules: CacheStats["modules"];
  readonly tenants: ReadonlyMap<string, TenantStats>;
  /** The whole store's; only for who sees all tenants. */
  readonly store?: StoreStats | undefined;
  readonly alerts?: readonly Alert[];
  readonly maxBytesPerTenant: number | null;
}

/** Fewer say nothing yet. */
const ENOUGH = 20;
const MIN_HIT_RATIO = 0.6;
const MAX_BYPASS_SHARE = 0.2;
const MAX_TENANT_SHARE = 0.5;
const NEAR_QUOTA = 0.9;

export function findingsOf(judged: Judged): readonly Finding[] {
  return [
    ...(judged.store ? ofStore(judged.store) : []),
    ...(judged.alerts ?? []).map(({ message }) => ({ text: `Alert: ${message}`, page: "alerts" })),
    ...Object.entries(judged.modules).flatMap(([name, stats]) => ofModule(name, stats)),
    ...ofTenants(judged),
  ];
}

function ofStore({ circuit, reason, pendingInvalidations }: StoreStats): Finding[] {
  const found: Finding[] = [];
  if (circuit !== "closed")
    found.push({ text: `The store is away (${reason ?? circuit}): handlers answer`, page: "alerts" });
  else if (reason !== null) found.push({ text: `The store: ${reason}`, page: "alerts" });
  if (pendingInvalidations > 0) {
    const waiting =
      pendingInvalidations === 1
        ? "1 invalidation waits"
        : `${count(pendingInvalidations)} invalidations wait`;
    found.push({ text: `${waiting} for the store to come back`, page: "alerts" });
  }
  return found;
}

function ofModule(module: string, stats: ModuleStats): Finding[] {
  const found: Finding[] = [];
  const { hits, misses, bypasses, sets, invalidations, alarms, errors } = stats;
  const lookups = hits + misses;
  const asked = lookups + bypasses;
  const page = link("modules", { module });
  if (asked >= ENOUGH && bypasses / asked > MAX_BYPASS_SHARE) {
    const text = `${module}: ${percent(bypasses / asked)} of its requests are not looked up. The live tail says why`;
    found.push({ text, page: link("tail", { module }) });
  }
  if (lookups >= ENOUGH && hits / lookups < MIN_HIT_RATIO) {
    const why =
      invalidations * 2 > misses
        ? `it is invalidated often (${count(invalidations)} times)`
        : sets < misses / 2
          ? "most of its answers are not stored: see their Cache-Status"
          : "entries are gone before they are asked for again: is its TTL short?";
    found.push({ text: `${module}: hit ratio ${percent(hits / lookups)}; ${why}`, page });
  }
  if (hits >= ENOUGH && invalidations === 0)
    found.push({
      text: `${module}: nothing has invalidated it since this process began. Does whatever writes it say so?`,
      page,
    });
  if (alarms > 0)
    found.push({
      text: `${module}: ${count(alarms)} alarms. Entries did not decode, or were another request's`,
      page,
    });
  if (errors >= ENOUGH)
    found.push({ text: `${module}: ${count(errors)} operations of the store failed`, page });
  return found;
}

function ofTenants({ tenants, maxBytesPerTenant }: Judged): Finding[] {
  const all = [...tenants.values()].reduce((sum, tenant) => sum + (tenant.bytes ?? 0), 0);
  const found: Finding[] = [];
  for (const [tenant, { bytes: held, quotaBytes, quotaEvictions, quotaRefusals, entries }] of tenants) {
    const page = link("tenants", { tenant });
    if (quotaEvictions + quotaRefusals > 0) {
      const text = `${tenant} is at its bound of ${bytes(maxBytesPerTenant)}: ${count(quotaEvictions)} of its entries made room, ${count(quotaRefusals)} were not stored`;
      found.push({ text, page });
    } else if (maxBytesPerTenant !== null && (quotaBytes ?? 0) > NEAR_QUOTA * maxBytesPerTenant) {
      found.push({ text: `${tenant} is near its bound of ${bytes(maxBytesPerTenant)}`, page });
    } else if (
      tenants.size > 2 &&
      all > 0 &&
      (held ?? 0) / all > MAX_TENANT_SHARE &&
      (entries ?? 0) >= ENOUGH
    ) {
      found.push({ text: `${tenant} holds ${percent((held ?? 0) / all)} of all bytes`, page });
    }
  }
  return found;
}
