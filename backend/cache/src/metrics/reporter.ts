// Asks the store for its figures on a timer, so that no scrape has to; leaves that to a monitor where one runs.
// Tests: test/integration/metrics.test.ts
import type { CacheEngine } from "../engine/cache-engine.js";
import { later } from "../later.js";
import { quickStats } from "../stats.js";
import { clearTimeout, monotonicNow, type Timer } from "../timers.js";

/** At first more often: whoever has just started looks, and each pause is twice as long as the one before. */
const FIRST_MS = 1000;
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
  #pauseMs: number;
  #nextInventoryMs = 0;
  #isStopped = false;

  /** @param tenants whose bytes are wanted */
  constructor(engine: CacheEngine, options: ReporterOptions, tenants: () => readonly string[]) {
    this.#engine = engine;
    this.#options = options;
    this.#tenants = tenants;
    this.#pauseMs = Math.min(FIRST_MS, options.reportIntervalMs);
  }

  /** Keeps no process alive. */
  start(): void {
    if (this.#timer || this.#isStopped) return;
    this.#schedule();
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  /** Asks now. Never rejects. */
  async report(): Promise<void> {
    const { lastReport, store } = this.#engine;
    const isYoung = lastReport.server && monotonicNow() - lastReport.server.atMs < this.#pauseMs * 0.9;
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

  #schedule(): void {
    this.#timer = later(this.#pauseMs, () => {
      void this.report().then(() => {
        this.#pauseMs = Math.min(2 * this.#pauseMs, this.#options.reportIntervalMs);
        if (!this.#isStopped) this.#schedule();
      });
    });
  }

  #isInventoryDue(): boolean {
    return this.#options.inventoryIntervalMs > 0 && monotonicNow() >= this.#nextInventoryMs;
  }

  async #takeInventory(): Promise<void> {
    const startedAtMs = monotonicNow();
    const inventory = await this.#engine.inventories.renew();
    // An empty store costs nothing to look at, and is mostly one that has just begun to be filled.
    const intervalMs = inventory.rows.length === 0 ? 0 : this.#options.inventoryIntervalMs;
    const tookMs = monotonicNow() - startedAtMs;
    this.#nextInventoryMs = monotonicNow() + Math.max(intervalMs, REST * tookMs);
  }
}
