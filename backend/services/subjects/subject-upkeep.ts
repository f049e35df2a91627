// What goes on behind requests: erasures that were left unfinished, and keys to wrap again.
// Tests: test/integration/subject-upkeep.test.ts
import type { Pool } from "pg";
import type { Logger } from "pino";
import { Outage } from "../../outage.js";
import type { KeyProvider } from "./key-provider.js";
import { rewrapKeys } from "./key-rotation.js";
import type { SubjectVault } from "./subject-vault.js";

export interface SubjectUpkeepOptions {
  readonly pool: Pool;
  readonly provider: KeyProvider;
  readonly vault: Pick<SubjectVault, "resumeErasures" | "stats">;
  readonly logger: Logger;
}

const ERASURES_EVERY_MS = 2000;
/**
 * Where another process writes under an older version yet, in a rolling deployment, the next run finds it.
 */
const ROTATION_EVERY_MS = 600_000;

export class SubjectUpkeep {
  readonly #options: SubjectUpkeepOptions;
  readonly #stopped = new AbortController();
  readonly #outage: Outage;
  readonly #damage: Outage;
  #damaged = 0;
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #running = new Set<Promise<void>>();

  constructor(options: SubjectUpkeepOptions) {
    this.#options = options;
    const { logger } = options;
    this.#outage = new Outage({
      began: (reason) =>
        logger.error(`subjects: erasures cannot be finished (${reason}); nothing of them is disclosed`),
      ended: (seconds) => logger.info(`subjects: erasures are finished again, after ${seconds} s`),
    });
    this.#damage = new Outage({
      began: (reason) =>
        logger.error(`subjects: sealed values do not open (${reason}): they were changed, moved, or damaged`),
      ended: (seconds) => logger.info(`subjects: no more sealed values that do not open, after ${seconds} s`),
    });
  }

  start(): this {
    this.#every(ERASURES_EVERY_MS, async () => {
      this.watchDamage();
      await this.finishErasures();
    });
    this.#every(ROTATION_EVERY_MS, () => this.rotate());
    return this;
  }

  /** Finishes erasures that no process is at. */
  async finishErasures(): Promise<void> {
    try {
      const { problem } = await this.#options.vault.resumeErasures();
      if (problem === undefined) this.#outage.worked();
      else this.#outage.failed(problem);
    } catch (error) {
      this.#outage.failed(error instanceof Error ? error.message : String(error));
    }
  }

  /** What an erasure shuts is not damaged. */
  watchDamage(): void {
    const { format, key, bytes, value } = this.#options.vault.stats().refused;
    const damaged = format + key + bytes + value;
    if (damaged === this.#damaged) this.#damage.worked();
    else this.#damage.failed(`format ${format}, key ${key}, bytes ${bytes}, value ${value} since the start`);
    this.#damaged = damaged;
  }

  /** Wraps again what an older version has wrapped. */
  async rotate(): Promise<void> {
    const { pool, provider, logger } = this.#options;
    const rotation = await rewrapKeys(pool, provider, this.#stopped.signal).catch(() => undefined);
    if (!rotation || rotation.rewrapped + rotation.failed === 0) return;
    const version = provider.currentVersion;
    const done = `subjects: ${rotation.rewrapped} data keys wrapped again under "${version}"`;
    if (rotation.failed > 0) logger.warn(`${done}; ${rotation.failed} could not be (${rotation.problem})`);
    else if (!this.#stopped.signal.aborted)
      logger.info(`${done}: the versions before it are not needed any more`);
  }

  /** Waits for what is under way. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    for (const timer of this.#timers) clearTimeout(timer);
    await Promise.all(this.#running);
  }

  #every(ms: number, work: () => Promise<void>): void {
    const run = () => {
      const running = work().finally(() => {
        this.#running.delete(running);
        if (this.#stopped.signal.aborted) return;
        const timer = setTimeout(() => {
          this.#timers.delete(timer);
          run();
        }, ms);
        timer.unref();
        this.#timers.add(timer);
      });
      this.#running.add(running);
    };
    run();
  }
}
