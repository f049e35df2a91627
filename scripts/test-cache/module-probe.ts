// What is sent for each module: lists that nobody has asked for before, and a record that is easy to find again.
import { randomInt, randomUUID } from "node:crypto";

type Document = Readonly<Record<string, unknown>>;

/** A record that another one has to belong to: made before it, and deleted after it. */
export interface Parent {
  readonly module: string;
  /** Where the other names it. */
  readonly column: string;
  document(): Document;
}

export interface ModuleProbe {
  readonly name: string;
  /** A valid body for POST, with a name that no other record has; without what names the parent. */
  document(): Document;
  readonly parent?: Parent;
}

const marker = () => `test-cache ${randomUUID()}`;
/** For names that have to be short. */
const shortMarker = () => `test-cache ${randomUUID().slice(0, 23)}`;

const order = () => ({ number: shortMarker() });
const waiting = { action: "wait", subject: null, wait_hours: 24 };

/** Of every module that has a cached list: `unit/module-probes.test.ts` compares. */
export const MODULE_PROBES: readonly ModuleProbe[] = [
  { name: "accounts", document: () => ({ name: marker() }) },
  { name: "leads", document: () => ({ last_name: marker(), company: "test-cache" }) },
  { name: "contacts", document: () => ({ last_name: marker() }) },
  { name: "bizdevsources", document: () => ({ name: marker(), channel: "inbound" }) },
  { name: "opportunities", document: () => ({ name: marker() }) },
  { name: "activities", document: () => ({ type: "call", subject: marker() }) },
  { name: "documents", document: () => ({ name: marker() }) },
  { name: "orders", document: order },
  // Switched off: it is there to be listed, not to run.
  {
    name: "workflows",
    document: () => ({
      name: marker(),
      trigger: "manual",
      is_active: false,
      definition: { steps: [waiting] },
    }),
  },
  { name: "leadlists", document: () => ({ name: marker() }) },
  {
    name: "tasks",
    document: () => ({ title: marker() }),
    parent: { module: "orders", column: "order_id", document: order },
  },
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
