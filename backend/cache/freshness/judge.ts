// Decides what a read must show, and whether what it showed is a violation. All times are those of `machineNowMs`.
import type { ListBody, WriteRecord } from "./checked-protocol.js";
import { isWrittenToSecond, markedAt, type Servers } from "./excuses.js";

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
  /** Older than this is a violation. */
  readonly required: Version;
  /** Acknowledged, and a violation to miss only where no mark that stood for it was lost. */
  readonly marked: readonly Version[];
  /** Acknowledged by processes that could not reach Redis, and a violation to miss where the reader could not, either. */
  readonly waiting: readonly Version[];
  /** The youngest that was acknowledged, also where nothing is promised about it yet. */
  readonly acknowledged: Version;
}

export interface Violation {
  readonly kind: "stale" | "foreign";
  readonly tenant: string;
  readonly url: string;
  readonly module: string;
  readonly process: string;
  readonly startedAtMs: number;
  readonly answeredAtMs: number;
  readonly seen: number | string;
  readonly expected: number | string;
  /** What the read should have shown; absent where it showed somebody else's. */
  readonly write?: Version;
  readonly cacheStatus: string;
  readonly filled: Filled;
}

/** Who made the entry, and between when and when it read the truth. */
export interface Filled {
  readonly process: string;
  readonly fromMs: number;
  readonly toMs: number;
}

export interface Write {
  readonly process: string;
  readonly sentAtMs: number;
  readonly answeredAtMs: number;
  /** Absent where its process has died before it could answer. */
  readonly record?: WriteRecord;
}

export interface Version {
  readonly version: number;
  readonly atMs: number;
  /** The write that was answered with it; absent where a read has shown it. */
  readonly write?: Write;
  /** When its mark was set, if it was: until that is lost it stands for the invalidation. */
  readonly markedAtMs?: number;
  /** It waits for its process to reach Redis: nobody has to see it who reaches Redis meanwhile. */
  readonly isWaiting?: boolean;
}

/** One module of one tenant. */
interface Cell {
  /** Known to every process: a later read anywhere must show it. */
  confirmed: Version;
  /**
   * Acknowledged while the process could not reach Redis, and not replayed yet: only its own reads must show
   * them.
   */
  readonly deferred: Map<string, Version>;
}

export interface Answer {
  readonly body: ListBody;
  readonly cacheStatus: string;
  readonly filled: Filled;
  /** When the process that has answered had heard from Redis last. */
  readonly reachedAtMs: number;
  readonly atMs: number;
}

const NOTHING: Version = { version: 0, atMs: Number.NEGATIVE_INFINITY };
const CONTESTED_MS = 100;

export class Judge {
  readonly #cells = new Map<string, Cell>();
  /** Cells with deferred versions, by process. */
  readonly #owing = new Map<string, Set<Cell>>();
  readonly #epochs = new Map<string, number>();
  readonly #strict: boolean;
  readonly #servers: Servers;
  readonly #isExcused: (violation: Violation) => Promise<boolean>;
  readonly #leaseMs: number;
  #pending: Promise<unknown> = Promise.resolve();
  violations = 0;
  excused = 0;
  longestExcusedMs = 0;
  /** Reads that were judged. */
  judged = 0;
  /** Reads that began within 100 ms of the answer to a write of what they show. */
  contested = 0;

  /**
   * @param strict nothing is excused, and what any read has shown, later reads must show too; else only what
   *   was acknowledged
   * @param isExcused whether what the process of the read tells afterwards excuses what would be a violation
   * @param leaseMs for how long a process may answer from memory after it has heard from Redis; 0: not at all
   */
  constructor(
    strict: boolean,
    servers: Servers,
    isExcused: (violation: Violation) => Promise<boolean>,
    leaseMs = 0,
  ) {
    this.#leaseMs = leaseMs;
    this.#strict = strict;
    this.#servers = servers;
    this.#isExcused = isExcused;
  }

  /** A write's answer has arrived. */
  acknowledge(body: ListBody, write: Write & { readonly record: WriteRecord }): void {
    const { process, answeredAtMs: atMs, record } = write;
    const isReplayed = record.epoch < (this.#epochs.get(process) ?? 0);
    const excuse = this.#strict || isReplayed ? undefined : this.#excuseOf(record);
    for (const { module, version } of body.rows) {
      const cell = this.#cell(body.tenant, module);
      if (!excuse) confirm(cell, { version, atMs, write });
      else {
        const earlier = cell.deferred.get(process)?.version ?? 0;
        if (version > earlier) cell.deferred.set(process, { version, atMs, write, ...excuse });
        const owing = this.#owing.get(process) ?? new Set();
        this.#owing.set(process, owing.add(cell));
      }
    }
  }

  /**
   * A writer has died, and these versions were committed by then. Without guarded writes nothing is promised
   * about them.
   */
  writerDied(tenant: string, modules: readonly string[], versions: readonly number[], write: Write): void {
    if (!this.#strict) return;
    for (const [index, module] of modules.entries()) {
      confirm(this.#cell(tenant, module), { version: versions[index] ?? 0, atMs: write.answeredAtMs, write });
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
      const own = deferred.get(process) ?? NOTHING;
      const marked = [...deferred.values()].filter(({ markedAtMs }) => markedAtMs !== undefined);
      const waiting = [...deferred.values()].filter(({ isWaiting }) => isWaiting === true);
      const acknowledged = youngest([confirmed, ...deferred.values()]);
      return { module, required: youngest([confirmed, own]), marked, waiting, acknowledged };
    });
    if (modules.some(({ acknowledged }) => startedAtMs - acknowledged.atMs < CONTESTED_MS)) this.contested++;
    return { tenant, url, process, startedAtMs, modules };
  }

  /** A read's answer has arrived whole. */
  judge(expected: Expectation, answer: Answer): void {
    this.judged++;
    const { body, atMs } = answer;
    const foreign = findForeign(expected, body);
    if (foreign) {
      this.#report({ ...foreign, kind: "foreign" }, expected, answer);
      return;
    }
    let excusedForMs: number | undefined;
    // Where nobody reaches Redis nothing is served but what handlers answer.
    const hasReached = answer.reachedAtMs >= expected.startedAtMs - this.#leaseMs;
    for (const [index, { module, required, marked, waiting, acknowledged }] of expected.modules.entries()) {
      const seen = body.rows[index]?.version ?? 0;
      const kept = marked.filter(({ markedAtMs = 0 }) => this.#servers.lostMarksAtMs < markedAtMs);
      const least = youngest([required, ...kept, ...(hasReached ? [] : waiting)]);
      if (seen < least.version) {
        const what = { kind: "stale", module, seen, expected: least.version, write: least } as const;
        this.#report(what, expected, answer);
        return;
      }
      if (seen < acknowledged.version) excusedForMs = expected.startedAtMs - acknowledged.atMs;
      if (this.#strict) confirm(this.#cell(expected.tenant, module), { version: seen, atMs });
    }
    if (excusedForMs !== undefined) this.#excuse(excusedForMs);
  }

  /** Resolves when every read has its verdict. */
  async settled(): Promise<void> {
    await this.#pending;
  }

  /** Why other processes need not see this write yet; `undefined` where they must. */
  #excuseOf({ isDeferred, changes }: WriteRecord): Pick<Version, "markedAtMs" | "isWaiting"> | undefined {
    if (isWrittenToSecond(changes, this.#servers)) return {};
    if (!isDeferred) return undefined;
    const markedAtMs = markedAt(changes);
    return { isWaiting: true, ...(markedAtMs !== undefined && { markedAtMs }) };
  }

  #report(
    what: Pick<Violation, "kind" | "module" | "seen" | "expected" | "write">,
    { tenant, url, process, startedAtMs }: Expectation,
    { cacheStatus, filled, atMs: answeredAtMs }: Answer,
  ): void {
    const violation = { ...what, tenant, url, process, startedAtMs, answeredAtMs, cacheStatus, filled };
    const verdict = this.#isExcused(violation).then((isExcused) => {
      if (!isExcused) this.violations++;
      else this.#excuse(startedAtMs - (what.write?.atMs ?? startedAtMs));
    });
    this.#pending = Promise.all([this.#pending, verdict]);
  }

  #excuse(forMs: number): void {
    this.excused++;
    this.longestExcusedMs = Math.max(this.longestExcusedMs, forMs);
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

function youngest(versions: readonly Version[]): Version {
  return versions.reduce((one, other) => (other.version > one.version ? other : one), NOTHING);
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
