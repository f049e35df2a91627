// Asks the store for its figures on a timer, so that no scrape has to; leaves that to a monitor where one runs.
// Tests: test/integration/metrics.test.ts, test/integration/metrics-inventory.test.ts
import type { CacheEngine } from "../engine/cache-engine.js";
import { later } from "../later.js";
import { quickStats } from "../stats.js";
import type { NoteLook } from "../store/shared-notes.js";
import { clearTimeout, monotonicNow, type Timer } from "../timers.js";
import { byModule, noteOf, readNote } from "./inventory-note.js";

/** At first more often: whoever has just started looks, and each pause is twice as long as the one before. */
const FIRST_MS = 1000;
/** A walk ends within ten seconds; whoever has died at it is not waited for. */
const WALK_WITHIN_MS = 30_000;
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
  readonly #createdAtMs = monotonicNow();
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

  /** Of several processes one walks, and the others read what it has found. */
  async #takeInventory(): Promise<void> {
    const { inventories, keys, lastReport, store } = this.#engine;
    const look = await this.#look();
    if (look?.state === "under-way") return;
    const noted = look?.state === "made" ? readNote(look.text) : undefined;
    if (look?.state === "made" && noted) {
      lastReport.tookNote(noted, look.ageMs);
      this.#nextInventoryMs = monotonicNow() + look.ttlMs - look.ageMs;
      return;
    }
    const begunAtMs = monotonicNow();
    const inventory = byModule(await inventories.renew());
    const tookMs = monotonicNow() - begunAtMs;
    const pauseMs = Math.max(REST * tookMs, this.#intervalMs(inventory.rows.length === 0));
    this.#nextInventoryMs = monotonicNow() + pauseMs;
    if (look) await store.notes?.write(keys.inventoryNote(), noteOf(inventory), pauseMs);
  }

  /** An empty store costs nothing to look at. Of one that has just begun to be filled, each pause is as long as all before it. */
  #intervalMs(isEmpty: boolean): number {
    const { inventoryIntervalMs, reportIntervalMs } = this.#options;
    const sinceStartMs = monotonicNow() - this.#createdAtMs;
    return isEmpty
      ? this.#pauseMs / 2
      : Math.min(inventoryIntervalMs, Math.max(reportIntervalMs, sinceStartMs));
  }

  /** `undefined` where the store has no notes, or the user may not use them: each process walks by itself then. */
  async #look(): Promise<NoteLook | undefined> {
    const { keys, store } = this.#engine;
    return store.notes?.look(keys.inventoryNote(), WALK_WITHIN_MS).catch(() => undefined);
  }
}
