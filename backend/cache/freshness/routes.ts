// The random routes of a run: lists that show several modules, and writes that change some. The same seed gives the same routes.
import { between, pick, type Random, seededRandom } from "./random.js";

const MODULES = ["accounts", "contacts", "leads", "deals", "notes"] as const;
const LISTS_PER_MODULE = 2;
const WRITES_PER_MODULE = 2;

/** A list of `module` that also shows what it depends on. */
export interface ListRoute {
  readonly path: string;
  readonly module: string;
  readonly dependsOn: readonly string[];
  readonly ttlSeconds: number;
  readonly staleWhileRevalidate: number;
  /** Added to the body: above 1 KiB, compressed variants are kept. */
  readonly paddingBytes: number;
}

export interface WriteRoute {
  readonly path: string;
  readonly modules: readonly string[];
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
      // Half of the lists expire within the run and are refreshed behind stale answers.
      ttlSeconds: index === 0 ? 120 : 1,
      staleWhileRevalidate: index === 0 ? 0 : 60,
      paddingBytes: pick(random, [0, 2000]),
    })),
  );
  const writes = MODULES.flatMap((module) =>
    Array.from({ length: WRITES_PER_MODULE }, (_, index) => ({
      path: `/${module}/write-${index}`,
      modules: [module, ...someOthers(random, module, index)],
    })),
  );
  return { lists, writes };
}

/** All modules whose data a list shows. */
export function shownBy({ module, dependsOn }: ListRoute): readonly string[] {
  return [module, ...dependsOn];
}

function someOthers(random: Random, module: string, count: number): string[] {
  const others = MODULES.filter((other) => other !== module);
  const chosen = new Set<string>();
  while (chosen.size < count) chosen.add(pick(random, others));
  return [...chosen];
}
