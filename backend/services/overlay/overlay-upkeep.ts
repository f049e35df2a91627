// What goes on behind the overlay: caches that a dead process has left, and rows that are over.
// Tests: test/integration/overlay-upkeep.test.ts
import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "pino";
import { databaseTrouble } from "../../db/database-errors.js";
import { Outage } from "../../outage.js";
import type { Overlay } from "./overlay.js";

const REPAIR_EVERY_MS = 5000;
const CLEAN_EVERY_MS = 600_000;
/** Between two batches of one tenant: what others ask comes first. */
const REST_MS = 200;

export interface UpkeepOptions {
  /** Default 5,000. */
  readonly repairEveryMs?: number;
  /** Default 600,000: ten minutes. */
  readonly cleanEveryMs?: number;
}

export class OverlayUpkeep {
  readonly #overlay: Overlay;
  readonly #every: Required<UpkeepOptions>;
  readonly #stopped = new AbortController();
  readonly #outage: Outage;
  #running: Promise<unknown> = Promise.resolve();

  constructor(overlay: Overlay, logger: Logger, options: UpkeepOptions = {}) {
    const { repairEveryMs = REPAIR_EVERY_MS, cleanEveryMs = CLEAN_EVERY_MS } = options;
    this.#overlay = overlay;
    this.#every = { repairEveryMs, cleanEveryMs };
    this.#outage = new Outage({
      began: (reason) => logger.error(`overlay: clean-up and repair do not work (${reason})`),
      ended: (seconds) => logger.info(`overlay: clean-up and repair work again after ${seconds} s`),
    });
  }

  /** Goes on until {@link stop}. */
  start(): void {
    this.#running = Promise.all([
      this.#repeat(this.#every.repairEveryMs, () => this.#overlay.staleKeys.repair()),
      this.#repeat(this.#every.cleanEveryMs, () => this.cleanAll()),
    ]);
  }

  /** Resolves when nothing of it is under way. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#running;
    await this.#overlay.staleKeys.idle();
  }

  /** Removes what is over, of all tenants, in batches. @returns how many rows */
  async cleanAll(): Promise<number> {
    const { signal } = this.#stopped;
    // As the owner of the table, which may see all tenants.
    const { rows } = await this.#overlay.parts.pool.query<{ id: string }>(
      "SELECT id FROM tenants ORDER BY id",
    );
    let removed = 0;
    for (const { id } of rows) {
      for (let more = true; more && !signal.aborted; ) {
        const batch = await this.#overlay.cleanup(id);
        for (const count of Object.values(batch.removed)) removed += count;
        more = batch.more;
        if (more) await delay(REST_MS, undefined, { signal }).catch(() => undefined);
      }
    }
    return removed;
  }

  async #repeat(everyMs: number, work: () => Promise<unknown>): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      await delay(everyMs, undefined, { signal, ref: false }).catch(() => undefined);
      if (signal.aborted) return;
      try {
        await work();
        this.#outage.worked();
      } catch (error) {
        // The database's outage has a line of its own.
        if (databaseTrouble(error) === undefined) this.#outage.failed(String(error));
      }
    }
  }
}
