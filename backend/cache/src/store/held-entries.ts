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

const NONE: Held = { entries: 0, bytes: 0 };

export class HeldEntries {
  readonly #all = newPlace();
  readonly #tenants = new Map<string, Place>();

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

  /** Those that hold the most bytes first. */
  get tenants(): readonly string[] {
    const all = [...this.#tenants];
    all.sort(([, one], [, other]) => other.total.bytes - one.total.bytes);
    return all.map(([tenant]) => tenant);
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
