// Runs of the app's warmer: what was started here, for whom, and what others have started.
// Tests: test/integration/console-pages.test.ts
import { messageOf } from "../thrown.js";
import type { CacheWarmer } from "../warmer/cache-warmer.js";
import type { WarmProgress, WarmResult } from "../warmer/warm-run.js";

const MAX_RUNS = 50;

export interface WarmRecord {
  readonly name: string;
  /** Those it was started for here; `undefined`: all, or nobody here knows. */
  readonly tenants: readonly string[] | undefined;
  /** Who has started it here; absent where it was the app. */
  readonly by?: string | undefined;
  readonly endedAt: Date;
  readonly done: number;
  readonly failed: number;
  readonly total: number;
  readonly durationMs: number;
  readonly error: string | undefined;
}

export class WarmRuns {
  readonly #warmer: CacheWarmer;
  readonly #underWay = new Map<string, WarmProgress>();
  readonly #records: { readonly result: WarmResult; record: WarmRecord }[] = [];

  constructor(warmer: CacheWarmer) {
    this.#warmer = warmer;
    warmer.on("started", (progress) => this.#underWay.set(progress.name, progress));
    warmer.on("progress", (progress) => this.#underWay.set(progress.name, progress));
    warmer.on("finished", (result) => {
      this.#underWay.delete(result.name);
      this.#records.unshift({ result, record: recordOf(result, undefined, undefined) });
      this.#records.length = Math.min(this.#records.length, MAX_RUNS);
    });
  }

  get names(): readonly string[] {
    return this.#warmer.names;
  }

  get underWay(): readonly WarmProgress[] {
    return [...this.#underWay.values()];
  }

  /** The newest first. */
  get records(): readonly WarmRecord[] {
    return this.#records.map(({ record }) => record);
  }

  /**
   * Runs one in the background. What it has done is among the records in the end.
   * @param tenants absent: those of the strategy
   */
  start(name: string, tenants: readonly string[] | undefined, by: string): void {
    this.#warmer.warm(name, tenants === undefined ? {} : { tenantIds: tenants }).then(
      (result) => {
        const own = this.#records.find((each) => each.result === result);
        if (own) own.record = recordOf(result, tenants, by, own.record.endedAt);
      },
      // It fails in its result; this is a strategy that is gone.
      () => undefined,
    );
  }
}

function recordOf(
  { name, done, failed, total, durationMs, error, taskErrors: [first] }: WarmResult,
  tenants: readonly string[] | undefined,
  by: string | undefined,
  endedAt: Date = new Date(),
): WarmRecord {
  const problem = error ?? first;
  return {
    name,
    tenants,
    by,
    endedAt,
    done,
    failed,
    total,
    durationMs,
    error: problem && messageOf(problem),
  };
}
