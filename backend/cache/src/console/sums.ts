// Sums over some tenants, of figures that are there for each.
// Tests: test/unit/console-parts.test.ts
import { sumOfReports } from "../engine/counters.js";
import type { ModuleStats } from "../stats.js";

/** By module; entries and bytes are unknown where those of one tenant are. */
export function sumOfModules(
  tenants: readonly Readonly<Record<string, ModuleStats>>[],
): Readonly<Record<string, ModuleStats>> {
  const names = new Set(tenants.flatMap((modules) => Object.keys(modules)));
  const sums = [...names].sort().map((name) => {
    const rows = tenants.flatMap((modules) => modules[name] ?? []);
    return [
      name,
      { ...sumOfReports(rows), entries: known(rows, "entries"), bytes: known(rows, "bytes") },
    ] as const;
  });
  return Object.fromEntries(sums);
}

export function known(rows: readonly ModuleStats[], field: "entries" | "bytes"): number | null {
  return rows.reduce<number | null>((sum, row) => {
    const value = row[field];
    return sum === null || value === null ? null : sum + value;
  }, 0);
}
