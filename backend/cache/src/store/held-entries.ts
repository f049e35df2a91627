// An inventory by tenant and module, added up once: whoever reports on ten thousand tenants must not go through it for each.
// Tests: test/unit/held-entries.test.ts
import type { Inventory } from "./store-report.js";

export interface Held {
  readonly entries: number;
  readonly bytes: number;
}

interface Place {
  readonly total: { entries: number; bytes: number };
  readonly modules: Map<string, { entries: number; bytes: number }>;
}

const added = new WeakMap<Inventory, HeldEntries>();

const NONE: Held = { entries: 0, bytes: 0 };

export class HeldEntries {
  readonly #all = newPlace();
  readonly #tenants = new Map<string, Place>();
  #largestFirst: readonly string[] | undefined;

  constructor({ rows }: Inventory) {
    for (const { tenant, module, entries, bytes } of rows) {
      let place = this.#tenants.get(tenant);
      if (!place) {
        place = newPlace();
        this.#tenants.set(tenant, place);
      }
      for (const of of [this.#all, place]) add(of, module, entries, bytes);
    }
  }

  /** Added up once: reports of a large store share an inventory for a while. */
  static in(inventory: Inventory): HeldEntries {
    const known = added.get(inventory) ?? new HeldEntries(inventory);
    added.set(inventory, known);
    return known;
  }

  /** Those that hold the most bytes first. */
  get tenants(): readonly string[] {
    this.#largestFirst ??= [...this.#tenants]
      .toSorted(([, one], [, other]) => other.total.bytes - one.total.bytes)
      .map(([tenant]) => tenant);
    return this.#largestFirst;
  }

  /** Of all tenants where none is named. */
  modulesOf(tenant: string | undefined): Iterable<string> {
    return this.#placeOf(tenant)?.modules.keys() ?? [];
  }

  /** Of all tenants where none is named, of all modules likewise. */
  of(tenant: string | undefined, module?: string): Held {
    const place = this.#placeOf(tenant);
    const held = module === undefined ? place?.total : place?.modules.get(module);
    return held ? { entries: held.entries, bytes: held.bytes } : NONE;
  }

  #placeOf(tenant: string | undefined): Place | undefined {
    return tenant === undefined ? this.#all : this.#tenants.get(tenant);
  }
}

function newPlace(): Place {
  return { total: { entries: 0, bytes: 0 }, modules: new Map() };
}

function add({ total, modules }: Place, module: string, entries: number, bytes: number): void {
  total.entries += entries;
  total.bytes += bytes;
  const held = modules.get(module);
  if (held) {
    held.entries += entries;
    held.bytes += bytes;
  } else modules.set(module, { entries, bytes });
}
