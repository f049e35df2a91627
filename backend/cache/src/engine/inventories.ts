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

type Ask = NonNullable<Store["tenantBytes"]>;

export class Inventories {
  readonly #store: Store;
  readonly #lastReport: LastReport;
  readonly #terms: InventoryTerms;
  #awaited: Promise<Inventory> | undefined;
  readonly #underWay = new Set<"inventory" | "sums">();
  #sums: ReadonlyMap<string, number> = new Map();
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
   * until the next one is there, which is taken in no hurry.
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
    if (ageMs >= this.#terms.maxAgeMs) return { inventory: await this.renew(), ageMs: 0 };
    if (ageMs >= this.#terms.renewedAfterMs) void this.#behind("inventory", () => this.#takeAndNote(false));
    return { inventory: last.value, ageMs };
  }

  /**
   * What the entries of each tenant count; of many at once as it was up to a minute ago, and then until they are summed
   * anew behind whoever asks. Rejects as the store does.
   */
  async bytesOf(tenants: readonly string[]): Promise<readonly number[]> {
    const { tenantBytes, holdsInMemory } = this.#store;
    if (!tenantBytes) return [];
    const ask: Ask = async (some, isAwaited) =>
      some.length === 0 ? [] : tenantBytes.call(this.#store, some, isAwaited);
    if (holdsInMemory || tenants.length <= MAX_ASKED_ANEW) return ask(tenants, true);
    const ageMs = monotonicNow() - this.#sumsSinceMs;
    if (ageMs >= this.#terms.maxAgeMs || this.#sums.size > MAX_KNOWN) this.#tookSums(new Map());
    else if (ageMs >= this.#terms.renewedAfterMs)
      void this.#behind("sums", async () => {
        // Whoever has not been asked about is forgotten.
        this.#tookSums(new Map(pairsOf(tenants, await ask(tenants, false))));
      });
    const known = this.#sums;
    const unknown = tenants.filter((tenant) => !known.has(tenant));
    const news = new Map(pairsOf(unknown, await ask(unknown, true)));
    if (news.size > 0) this.#sums = new Map([...this.#sums, ...news]);
    return tenants.map((tenant) => news.get(tenant) ?? known.get(tenant) ?? 0);
  }

  /** Takes the next one at once, for all who ask meanwhile, and notes it. Rejects as the store does. */
  renew(): Promise<Inventory> {
    this.#awaited ??= this.#takeAndNote(true).finally(() => {
      this.#awaited = undefined;
    });
    return this.#awaited;
  }

  /** Behind whoever asks, one at a time of each. Never rejects: what is known stays the answer. */
  async #behind(what: "inventory" | "sums", renew: () => Promise<unknown>): Promise<void> {
    if (this.#underWay.has(what)) return;
    this.#underWay.add(what);
    await renew().catch(() => undefined);
    this.#underWay.delete(what);
  }

  #tookSums(sums: ReadonlyMap<string, number>): void {
    this.#sums = sums;
    this.#sumsSinceMs = monotonicNow();
  }

  async #takeAndNote(isAwaited: boolean): Promise<Inventory> {
    const inventory = await this.#take(isAwaited);
    this.#lastReport.tookInventory(inventory);
    return inventory;
  }

  #take(isAwaited = true): Promise<Inventory> {
    return this.#store.inventory({ maxKeys: MAX_INVENTORY_KEYS, isAwaited });
  }
}

function pairsOf(tenants: readonly string[], bytes: readonly number[]): (readonly [string, number])[] {
  return tenants.map((tenant, index) => [tenant, bytes[index] ?? 0] as const);
}
