// The random routes of a run: lists that show several modules, and writes that change some. The same seed gives the same routes.
import { between, pick, type Random, seededRandom } from "./random.js";

const MODULES = ["accounts", "contacts", "leads", "deals", "notes"] as const;
const LISTS_PER_MODULE = 2;
const WRITES_PER_MODULE = 2;
/** What answers name by tags: a version each, in the truth, like a module's. */
const ITEMS = ["item-0", "item-1", "item-2", "item-3"] as const;
const ITEMS_PER_LIST = 2;

/** A list of `module` that also shows what it depends on. */
export interface ListRoute {
  readonly path: string;
  readonly module: string;
  readonly dependsOn: readonly string[];
  /** What its answers show beside that, and name by tags: nothing of it is known before the handler has run. */
  readonly items: readonly string[];
  readonly ttlSeconds: number;
  readonly staleWhileRevalidate: number;
  /** Added to the body: above 1 KiB, compressed variants are kept. */
  readonly paddingBytes: number;
}

export interface WriteRoute {
  readonly path: string;
  readonly modules: readonly string[];
  /** Invalidated by their tags. */
  readonly items: readonly string[];
}

export interface Routes {
  readonly lists: readonly ListRoute[];
  readonly writes: readonly WriteRoute[];
}

export function randomRoutes(seed: number): Routes {
  const random = seededRandom(seed);
  const lists = MODULES.flatMap((module) =>
    Array.from({ length: LISTS_PER_MODULE }, (_, index) => ({
      path: `/${module}/list-${index}`,
      module,
      dependsOn: someOthers(random, module, between(random, 0, 2)),
      items: [],
      ...expiry(index),
      paddingBytes: pick(random, [0, 2000]),
    })),
  );
  const writes = MODULES.flatMap((module) =>
    Array.from({ length: WRITES_PER_MODULE }, (_, index) => ({
      path: `/${module}/write-${index}`,
      modules: [module, ...someOthers(random, module, index)],
      items: [],
    })),
  );
  // One for each, so that whatever is written can be read.
  const listsOfItems = ITEMS.map((item, index) => ({
    path: `/items/list-${index}`,
    module: pick(random, MODULES),
    dependsOn: [],
    items: [
      item,
      ...some(
        random,
        ITEMS.filter((other) => other !== item),
        ITEMS_PER_LIST - 1,
      ),
    ],
    ...expiry(index % 2),
    paddingBytes: pick(random, [0, 2000]),
  }));
  const writesOfItems = ITEMS.map((item, index) => ({
    path: `/items/write-${index}`,
    modules: index === 0 ? [pick(random, MODULES)] : [],
    items: [item],
  }));
  return { lists: [...lists, ...listsOfItems], writes: [...writes, ...writesOfItems] };
}

/** Half of the lists expire within the run and are refreshed behind stale answers. */
function expiry(index: number): Pick<ListRoute, "ttlSeconds" | "staleWhileRevalidate"> {
  return index === 0
    ? { ttlSeconds: 120, staleWhileRevalidate: 0 }
    : { ttlSeconds: 1, staleWhileRevalidate: 60 };
}

/** All modules and items whose data a list shows. */
export function shownBy({ module, dependsOn, items }: ListRoute): readonly string[] {
  return [module, ...dependsOn, ...items];
}

/** All modules and items that a write changes. */
export function changedBy({ modules, items }: WriteRoute): readonly string[] {
  return [...modules, ...items];
}

function someOthers(random: Random, module: string, count: number): string[] {
  return some(
    random,
    MODULES.filter((other) => other !== module),
    count,
  );
}

function some(random: Random, choices: readonly string[], count: number): string[] {
  const chosen = new Set<string>();
  while (chosen.size < count) chosen.add(pick(random, choices));
  return [...chosen];
}
