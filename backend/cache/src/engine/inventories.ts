// What the store holds of all tenants, as reports ask for it: taken anew while that is little, and known from before where it is much.
// Tests: test/unit/inventories.test.ts, test/integration/large-inventory.test.ts
import type { Store } from "../store/store.js";
import type { Inventory } from "../store/store-report.js";
import { monotonicNow } from "../timers.js";
import type { LastReport } from "./last-report.js";

export interface InventoryTerms {
  /** From this age on it is taken anew, behind whoever asks. */
  readonly renewedAfterMs: number;
  /** What is older is waited for. */
  readonly maxAgeMs: number;
}

const TERMS: InventoryTerms = { renewedAfterMs: 60_000, maxAgeMs: 600_000 };
const MAX_INVENTORY_KEYS = 100_000;
/** Of so many tenants what they count is asked for anew each time. */
const MAX_ASKED_ANEW = 200;
/** Tenants of two reports. */
const MAX_KNOWN = 20_000;

export class Inventories {
  readonly #store: Store;
  readonly #lastReport: LastReport;
  readonly #terms: InventoryTerms;
  #taking: Promise<Inventory> | undefined;
  #sums = new Map<string, number>();
  #sumsSinceMs = Number.NEGATIVE_INFINITY;

  constructor(store: Store, lastReport: LastReport, terms: InventoryTerms = TERMS) {
    this.#store = store;
    this.#lastReport = lastReport;
    this.#terms = terms;
  }

  /** Of one tenant, whose entries alone are looked at. */
  of(tenant: string): Promise<Inventory> {
    return this.#store.inventory({ tenant, maxKeys: MAX_INVENTORY_KEYS });
  }

  /**
   * Of all tenants. One that has not seen all is a lower bound whenever it was taken, and costs seconds: it is the answer
   * until the next one is there.
   *
   * @returns the inventory, and how old it is
   */
  async whole(): Promise<{ readonly inventory: Inventory; readonly ageMs: number }> {
    const last = this.#lastReport.inventory;
    const ageMs = last ? monotonicNow() - last.atMs : Number.POSITIVE_INFINITY;
    if (!last || last.value.complete) {
      const inventory = await this.#take();
      if (!inventory.complete) this.#lastReport.tookInventory(inventory);
      return { inventory, ageMs: 0 };
    }
    if (ageMs < this.#terms.renewedAfterMs) return { inventory: last.value, ageMs };
    const next = this.renew();
    if (ageMs >= this.#terms.maxAgeMs) return { inventory: await next, ageMs: 0 };
    // Whoever asks next is told, or asks once more.
    next.catch(() => undefined);
    return { inventory: last.value, ageMs };
  }

  /** What the entries of each tenant count; of many at once as it was up to a minute ago. Rejects as the store does. */
  async bytesOf(tenants: readonly string[]): Promise<readonly number[]> {
    const { tenantBytes, holdsInMemory } = this.#store;
    if (!tenantBytes) return [];
    if (holdsInMemory || tenants.length <= MAX_ASKED_ANEW) return tenantBytes.call(this.#store, tenants);
    if (monotonicNow() - this.#sumsSinceMs >= this.#terms.renewedAfterMs || this.#sums.size > MAX_KNOWN) {
      this.#sums = new Map();
      this.#sumsSinceMs = monotonicNow();
    }
    const sums = this.#sums;
    const unknown = tenants.filter((tenant) => !sums.has(tenant));
    const bytes = unknown.length > 0 ? await tenantBytes.call(this.#store, unknown) : [];
    for (const [index, tenant] of unknown.entries()) sums.set(tenant, bytes[index] ?? 0);
    return tenants.map((tenant) => sums.get(tenant) ?? 0);
  }

  /** Takes the next one, for all who ask meanwhile, and notes it. Rejects as the store does. */
  renew(): Promise<Inventory> {
    this.#taking ??= this.#take()
      .then((inventory) => {
        this.#lastReport.tookInventory(inventory);
        return inventory;
      })
      .finally(() => {
        this.#taking = undefined;
      });
    return this.#taking;
  }

  #take(): Promise<Inventory> {
    return this.#store.inventory({ maxKeys: MAX_INVENTORY_KEYS });
  }
}
