// Decides what a read must show, and whether what it showed is a violation. All times are one process's monotonic clock.
import type { ListBody } from "./backend-protocol.js";

/** A read as it began: what it must show at least. */
export interface Expectation {
  readonly tenant: string;
  readonly url: string;
  readonly process: string;
  readonly startedAtMs: number;
  readonly modules: readonly ModuleExpectation[];
}

interface ModuleExpectation {
  readonly module: string;
  /** Younger than this is a violation to miss. */
  readonly required: number;
  /** All that was acknowledged, also where the writer's process could not reach Redis. */
  readonly acknowledged: number;
  readonly acknowledgedAtMs: number;
}

export interface Violation {
  readonly kind: "stale" | "foreign";
  readonly tenant: string;
  readonly url: string;
  readonly module: string;
  readonly process: string;
  readonly acknowledgedAtMs: number;
  readonly startedAtMs: number;
  readonly seen: number | string;
  readonly expected: number | string;
  readonly cacheStatus: string;
}

interface Version {
  readonly version: number;
  readonly atMs: number;
}

/** One module of one tenant. */
interface Cell {
  /** Known to every process: a later read anywhere must show it. */
  confirmed: Version;
  /** Acknowledged while the process could not reach Redis, and not replayed yet: only its own reads must show them. */
  readonly deferred: Map<string, Version>;
}

const NOTHING: Version = { version: 0, atMs: 0 };
const CONTESTED_MS = 100;
const KEPT_VIOLATIONS = 5;

export class Judge {
  readonly #cells = new Map<string, Cell>();
  /** Cells with deferred versions, by process. */
  readonly #owing = new Map<string, Set<Cell>>();
  readonly #epochs = new Map<string, number>();
  readonly #strict: boolean;
  readonly firstViolations: Violation[] = [];
  violations = 0;
  excused = 0;
  longestExcusedMs = 0;
  /** Reads that were judged. */
  judged = 0;
  /** Reads that began within 100 ms of the answer to a write of what they show. */
  contested = 0;

  /**
   * @param strict nothing is excused, and what any read has shown, later reads must show too; else only what was
   * acknowledged
   */
  constructor(strict: boolean) {
    this.#strict = strict;
  }

  /** A write's answer has arrived. `deferredInEpoch`: released while the invalidation waited in that process. */
  acknowledge(body: ListBody, process: string, atMs: number, deferredInEpoch: number | undefined): void {
    const isDeferred =
      !this.#strict && deferredInEpoch !== undefined && deferredInEpoch >= (this.#epochs.get(process) ?? 0);
    for (const { module, version } of body.rows) {
      const cell = this.#cell(body.tenant, module);
      if (!isDeferred) confirm(cell, { version, atMs });
      else {
        const earlier = cell.deferred.get(process)?.version ?? 0;
        if (version > earlier) cell.deferred.set(process, { version, atMs });
        const owing = this.#owing.get(process) ?? new Set();
        this.#owing.set(process, owing.add(cell));
      }
    }
  }

  /** A writer has died, and these versions were committed by then. Without guarded writes nothing is promised about them. */
  writerDied(tenant: string, modules: readonly string[], versions: readonly number[], atMs: number): void {
    if (!this.#strict) return;
    for (const [index, module] of modules.entries()) {
      confirm(this.#cell(tenant, module), { version: versions[index] ?? 0, atMs });
    }
  }

  /** The process has replayed all that waited in it. */
  recovered(process: string, epoch: number): void {
    this.#epochs.set(process, epoch);
    for (const cell of this.#owing.get(process) ?? []) {
      const version = cell.deferred.get(process);
      cell.deferred.delete(process);
      if (version) confirm(cell, version);
    }
    this.#owing.delete(process);
  }

  /** A read is about to be sent. */
  expect(
    tenant: string,
    url: string,
    shown: readonly string[],
    process: string,
    startedAtMs: number,
  ): Expectation {
    const modules = shown.map((module) => {
      const { confirmed, deferred } = this.#cell(tenant, module);
      const own = deferred.get(process)?.version ?? 0;
      let youngest = confirmed;
      for (const version of deferred.values()) if (version.version > youngest.version) youngest = version;
      return {
        module,
        required: Math.max(confirmed.version, own),
        acknowledged: youngest.version,
        acknowledgedAtMs: youngest.atMs,
      };
    });
    if (
      modules.some(
        ({ acknowledged, acknowledgedAtMs }) =>
          acknowledged > 0 && startedAtMs - acknowledgedAtMs < CONTESTED_MS,
      )
    )
      this.contested++;
    return { tenant, url, process, startedAtMs, modules };
  }

  /** A read's answer has arrived whole. */
  judge(expected: Expectation, body: ListBody, cacheStatus: string, atMs: number): void {
    this.judged++;
    const foreign = findForeign(expected, body);
    if (foreign) {
      this.#report({ ...foreign, kind: "foreign", cacheStatus, acknowledgedAtMs: 0 }, expected);
      return;
    }
    let excusedForMs: number | undefined;
    for (const [index, { module, required, acknowledged, acknowledgedAtMs }] of expected.modules.entries()) {
      const seen = body.rows[index]?.version ?? 0;
      if (seen < required) {
        this.#report(
          { kind: "stale", module, seen, expected: required, acknowledgedAtMs, cacheStatus },
          expected,
        );
        return;
      }
      if (seen < acknowledged) excusedForMs = expected.startedAtMs - acknowledgedAtMs;
      if (this.#strict) confirm(this.#cell(expected.tenant, module), { version: seen, atMs });
    }
    if (excusedForMs === undefined) return;
    this.excused++;
    this.longestExcusedMs = Math.max(this.longestExcusedMs, excusedForMs);
  }

  #report(
    what: Omit<Violation, "tenant" | "url" | "process" | "startedAtMs">,
    { tenant, url, process, startedAtMs }: Expectation,
  ): void {
    this.violations++;
    if (this.firstViolations.length < KEPT_VIOLATIONS)
      this.firstViolations.push({ ...what, tenant, url, process, startedAtMs });
  }

  #cell(tenant: string, module: string): Cell {
    const name = `${tenant} ${module}`;
    const cell = this.#cells.get(name) ?? { confirmed: NOTHING, deferred: new Map() };
    this.#cells.set(name, cell);
    return cell;
  }
}

function confirm(cell: Cell, version: Version): void {
  if (version.version > cell.confirmed.version) cell.confirmed = version;
}

/** An answer that was made for another tenant, or for another request of the same tenant. */
function findForeign(
  { tenant, url, modules }: Expectation,
  body: ListBody,
): { module: string; seen: string; expected: string } | undefined {
  if (body.tenant !== tenant || body.url !== url)
    return { module: "-", seen: `${body.tenant} ${body.url}`, expected: `${tenant} ${url}` };
  for (const [index, { module }] of modules.entries()) {
    const row = body.rows[index];
    if (row?.tenant !== tenant || row.module !== module)
      return { module, seen: `${row?.tenant} ${row?.module}`, expected: `${tenant} ${module}` };
  }
  return undefined;
}
