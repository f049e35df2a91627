// An inventory by module as text, so that the processes of an app share the one that one of them has taken.
// Tests: test/unit/inventory-note.test.ts, test/integration/metrics-inventory.test.ts
import { HeldEntries } from "../store/held-entries.js";
import type { Inventory, ModuleInventory } from "../store/store-report.js";
import { OTHER } from "./busiest-tenants.js";

/** More have no series of their own, whatever `metrics.maxModules` is. */
const MAX_MODULES = 500;
const MAX_NAME_CHARACTERS = 200;

/** Of all tenants together. Of very many modules those with the most bytes, and the others in one row. */
export function byModule(inventory: Inventory): ModuleInventory {
  const held = new HeldEntries(inventory);
  const rows = [...held.modulesOf(undefined)].map((module) => ({ module, ...held.of(undefined, module) }));
  rows.sort((one, other) => other.bytes - one.bytes);
  const rest = rows.splice(MAX_MODULES);
  if (rest.length > 0) {
    const sum = (pick: (row: (typeof rest)[number]) => number) =>
      rest.reduce((all, row) => all + pick(row), 0);
    rows.push({ module: OTHER, entries: sum(({ entries }) => entries), bytes: sum(({ bytes }) => bytes) });
  }
  return { rows, complete: inventory.complete, fences: inventory.fences ?? null };
}

export function noteOf({ rows, complete, fences }: ModuleInventory): string {
  return JSON.stringify([
    rows.map(({ module, entries, bytes }) => [module, entries, bytes]),
    complete,
    fences,
  ]);
}

/** `undefined` for what is no such note: another version's, or somebody's. */
export function readNote(text: string): ModuleInventory | undefined {
  let read: unknown;
  try {
    read = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!Array.isArray(read)) return undefined;
  const [listed, complete, fences] = read as readonly unknown[];
  const isWhole = Array.isArray(listed) && listed.length <= MAX_MODULES + 1 && typeof complete === "boolean";
  if (!isWhole || !(fences === null || isCount(fences))) return undefined;
  const rows = listed.flatMap((row: unknown) => {
    const [module, entries, bytes] = Array.isArray(row) ? (row as readonly unknown[]) : [];
    return isShort(module) && isCount(entries) && isCount(bytes) ? [{ module, entries, bytes }] : [];
  });
  return rows.length === listed.length ? { rows, complete, fences } : undefined;
}

function isShort(value: unknown): value is string {
  return typeof value === "string" && value.length <= MAX_NAME_CHARACTERS;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}
