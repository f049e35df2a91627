// What is sent for each module: lists that nobody has asked for before, and a record that is easy to find again.
import { randomInt, randomUUID } from "node:crypto";

export interface ModuleProbe {
  readonly name: string;
  /** A valid body for POST, with a name that no other record has. */
  document(): Readonly<Record<string, unknown>>;
}

const marker = () => `test-cache ${randomUUID()}`;

export const MODULE_PROBES: readonly ModuleProbe[] = [
  { name: "accounts", document: () => ({ name: marker() }) },
  { name: "leads", document: () => ({ last_name: marker(), company: "test-cache" }) },
  { name: "contacts", document: () => ({ last_name: marker() }) },
  { name: "bizdevsources", document: () => ({ name: marker(), channel: "inbound" }) },
];

const YEAR_2100_MS = Date.UTC(2100, 0);
const CENTURIES_MS = Date.UTC(2900, 0) - YEAR_2100_MS;

/**
 * Paths of the module's first page, newest first. All have the same answer, and no two the same cache key, also not those of another
 * run: each asks for what was created before another instant in the far future.
 */
export function distinctPaths(module: string, howMany: number): [string, ...string[]] {
  const start = YEAR_2100_MS + randomInt(CENTURIES_MS);
  const pathOf = (i: number) => {
    const query = new URLSearchParams({ limit: "50", created_before: new Date(start + i).toISOString() });
    return `/api/${module}?${query}`;
  };
  return [pathOf(0), ...Array.from({ length: howMany - 1 }, (_, i) => pathOf(i + 1))];
}
