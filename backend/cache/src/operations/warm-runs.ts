// Runs of the app's warmer: what was started here, for whom, and what others have started.
// Tests: test/integration/operations.test.ts, test/integration/console-pages.test.ts
import type { OperatedRun, OperatedWarmer } from "../options/operations-options.js";
import { messageOf } from "../thrown.js";
import type { Access } from "./access.js";
import { type Answer, NO_SUCH_TENANT, Refused } from "./answer.js";
import type { Posted } from "./json-body.js";

export interface WarmRecord {
  readonly name: string;
  /** Those it was started for here; `null`: those of the strategy, or nobody here knows. */
  readonly tenants: readonly string[] | null;
  /** Who has started it here; `null` where it was the app. */
  readonly by: string | null;
  readonly endedAtMs: number;
  readonly done: number;
  readonly failed: number;
  readonly total: number;
  readonly durationMs: number;
  readonly error: string | null;
}

const MAX_RUNS = 50;
const NO_WARMER = new Refused(
  404,
  "not-found",
  "the app has given no warmer: operations({ authorize, warmer })",
);

export class WarmRuns {
  readonly #warmer: OperatedWarmer;
  readonly #underWay = new Map<string, OperatedRun>();
  readonly #records: { readonly result: OperatedRun; record: WarmRecord }[] = [];

  constructor(warmer: OperatedWarmer) {
    this.#warmer = warmer;
    const goesOn = (progress: OperatedRun) => this.#underWay.set(progress.name, progress);
    warmer.on("started", goesOn);
    warmer.on("progress", goesOn);
    warmer.on("finished", (result: OperatedRun) => {
      this.#underWay.delete(result.name);
      this.#records.unshift({ result, record: recordOf(result) });
      this.#records.length = Math.min(this.#records.length, MAX_RUNS);
    });
  }

  get names(): readonly string[] {
    return this.#warmer.names;
  }

  /**
   * The newest first, and what is under way. Of somebody who sees some tenants only: what was started for these; how much
   * there is to do for whom sums over tenants.
   */
  seenBy(access: Access): {
    readonly runs: readonly WarmRecord[];
    readonly underWay: readonly OperatedRun[];
  } {
    // One for nobody is nobody's to see: who has started it may be of another tenant.
    const isForThem = ({ tenants }: WarmRecord) =>
      tenants !== null && tenants.length > 0 && tenants.every((tenant) => access.sees(tenant));
    const runs = this.#records.map(({ record }) => record);
    return access.seesAll
      ? { runs, underWay: [...this.#underWay.values()] }
      : { runs: runs.filter(isForThem), underWay: [] };
  }

  told(access: Access): Answer {
    return { data: { strategies: this.names, ...this.seenBy(access) } };
  }

  /** Begins a run, and does not wait for it. */
  start({ name, tenants: asked }: Posted, access: Access): Answer | Refused {
    if (!access.mayWarm) return new Refused(403, "forbidden", "you may not start warm-ups");
    const { names } = this.#warmer;
    if (typeof name !== "string" || !names.includes(name))
      return new Refused(
        400,
        "ETC_OPTIONS",
        `name: write one of ${names.join(", ") || "none: there are none"}`,
      );
    if (asked !== undefined && !Array.isArray(asked))
      return new Refused(400, "ETC_OPTIONS", 'tenants: write an array of ids, as in ["acme"]');
    const given = asked?.map((id: unknown) => access.tenant(id));
    if (given?.includes(undefined)) return NO_SUCH_TENANT;
    const tenants = (given as string[] | undefined) ?? (access.seesAll ? undefined : access.own);
    this.begin(name, tenants, access.name);
    return { status: 202, data: { started: true } };
  }

  /** @param tenants absent: those of the strategy */
  begin(name: string, tenants: readonly string[] | undefined, by: string): void {
    this.#warmer.warm(name, tenants === undefined ? {} : { tenantIds: tenants }).then(
      (result) => {
        const own = this.#records.find((each) => each.result === result);
        if (own) own.record = { ...own.record, tenants: tenants ?? null, by };
      },
      // It fails in its result; this is a strategy that is gone.
      () => undefined,
    );
  }
}

export function ofWarmer<Given>(
  runs: WarmRuns | undefined,
  tell: (runs: WarmRuns) => Given,
): Given | Refused {
  return runs ? tell(runs) : NO_WARMER;
}

function recordOf({ name, done, failed, total, durationMs = 0, error, taskErrors }: OperatedRun): WarmRecord {
  const problem = error ?? taskErrors?.[0];
  return {
    name,
    tenants: null,
    by: null,
    endedAtMs: Date.now(),
    done,
    failed,
    total,
    durationMs,
    error: problem ? messageOf(problem) : null,
  };
}
