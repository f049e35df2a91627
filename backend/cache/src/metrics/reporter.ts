// Asks the store for its figures on a timer, so that no scrape has to; leaves that to a monitor where one runs.
// Tests: test/integration/metrics.test.ts
import type { CacheEngine } from "../engine/cache-engine.js";
import { later } from "../later.js";
import { quickStats } from "../stats.js";
import { clearTimeout, monotonicNow, type Timer } from "../timers.js";

const FIRST_MS = 1000;
const MAX_INVENTORY_KEYS = 100_000;
/** After a walk through the entries, a hundred times as long without one. */
const REST = 100;

export interface ReporterOptions {
  readonly reportIntervalMs: number;
  /** 0: never. */
  readonly inventoryIntervalMs: number;
}

export class Reporter {
  readonly #engine: CacheEngine;
  readonly #options: ReporterOptions;
  readonly #tenants: () => readonly string[];
  #timer: Timer | undefined;
  #nextInventoryMs = 0;
  #isStopped = false;

  /** @param tenants whose bytes are wanted */
  constructor(engine: CacheEngine, options: ReporterOptions, tenants: () => readonly string[]) {
    this.#engine = engine;
    this.#options = options;
    this.#tenants = tenants;
  }

  /** Keeps no process alive. */
  start(): void {
    if (this.#timer || this.#isStopped) return;
    this.#schedule(Math.min(FIRST_MS, this.#options.reportIntervalMs));
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  /** Asks now. Never rejects. */
  async report(): Promise<void> {
    const { lastReport, store } = this.#engine;
    const { reportIntervalMs } = this.#options;
    const isYoung = lastReport.server && monotonicNow() - lastReport.server.atMs < reportIntervalMs * 0.9;
    if (!isYoung) await quickStats(this.#engine);
    if (this.#engine.gate.state !== "closed") return;
    const tenants = this.#tenants();
    const bytes = (await store.tenantBytes?.(tenants).catch(() => undefined)) ?? [];
    lastReport.tookTenantBytes(
      new Map(
        tenants.flatMap((tenant, index) => (bytes[index] === undefined ? [] : [[tenant, bytes[index]]])),
      ),
    );
    if (this.#isInventoryDue()) await this.#takeInventory().catch(() => undefined);
  }

  #schedule(delayMs: number): void {
    this.#timer = later(delayMs, () => {
      void this.report().then(() => {
        if (!this.#isStopped) this.#schedule(this.#options.reportIntervalMs);
      });
    });
  }

  #isInventoryDue(): boolean {
    return this.#options.inventoryIntervalMs > 0 && monotonicNow() >= this.#nextInventoryMs;
  }

  async #takeInventory(): Promise<void> {
    const { lastReport, store, keys } = this.#engine;
    const startedAtMs = monotonicNow();
    const inventory = await store.inventory({ maxKeys: MAX_INVENTORY_KEYS });
    let fences = 0;
    for await (const page of store.listFences?.(keys.allFences(), "") ?? []) {
      fences += page.length;
      if (this.#isStopped || fences >= MAX_INVENTORY_KEYS) break;
    }
    lastReport.tookInventory(inventory, store.listFences ? fences : null);
    const tookMs = monotonicNow() - startedAtMs;
    this.#nextInventoryMs = monotonicNow() + Math.max(this.#options.inventoryIntervalMs, REST * tookMs);
  }
}
