// Judges reads of a run of the feed: none that begins later than COMMIT + x shows the state from before it.
// Tests: test/unit/feed-judge.test.ts

export interface FeedViolation {
  readonly kind: "old" | "lost";
  readonly cell: string;
  readonly seen: number;
  /** Of an old one: what it should have shown at least, by which kind of write, and how long before the read that was answered. */
  readonly expected: number;
  readonly write: string;
  readonly sinceMs: number;
  readonly cacheStatus: string;
}

interface Committed {
  readonly version: number;
  /** When its COMMIT was answered. */
  readonly atMs: number;
  readonly write: string;
}

/** One module of one tenant. */
interface Cell {
  issued: number;
  readonly committed: Committed[];
  /** Versions of a later state than the one that was put back: from the first that was written, to the last one. */
  lost: { readonly last: number; readonly atMs: number } | undefined;
}

export class FeedJudge {
  readonly #boundMs: number;
  readonly #cells = new Map<string, Cell>();
  readonly violations: FeedViolation[] = [];
  judged = 0;
  /** Reads that began within twice the bound of a COMMIT of what they show. */
  contested = 0;

  constructor(boundMs: number) {
    this.#boundMs = boundMs;
  }

  /** A number that no write before has had. */
  issue(cell: string): number {
    return ++this.#cell(cell).issued;
  }

  committed(cell: string, version: number, write: string, atMs: number): void {
    this.#cell(cell).committed.push({ version, atMs, write });
  }

  /** The database is about to be put back: nothing that was committed need be there. */
  goesBack(): void {
    for (const cell of this.#cells.values()) cell.committed.length = 0;
  }

  /** The database is in the state from before the first write again, and answers. */
  restored(atMs: number): void {
    for (const cell of this.#cells.values()) cell.lost = { last: cell.issued, atMs };
  }

  /** A read that began then has been answered. */
  judge(name: string, startedAtMs: number, seen: number, cacheStatus: string): void {
    this.judged++;
    const cell = this.#cell(name);
    const dueAtMs = startedAtMs - this.#boundMs;
    let required: Committed | undefined;
    for (const each of cell.committed) {
      if (each.atMs <= dueAtMs && each.version > (required?.version ?? 0)) required = each;
      if (each.atMs > dueAtMs - this.#boundMs && each.atMs <= startedAtMs) this.contested++;
    }
    const what = { cell: name, seen, cacheStatus };
    if (required && seen < required.version) {
      const { version: expected, write, atMs } = required;
      this.violations.push({ ...what, kind: "old", expected, write, sinceMs: startedAtMs - atMs });
    }
    const { lost } = cell;
    if (lost && lost.atMs <= dueAtMs && seen > 0 && seen <= lost.last) {
      const sinceMs = startedAtMs - lost.atMs;
      this.violations.push({ ...what, kind: "lost", expected: 0, write: "restore", sinceMs });
    }
    this.#forget(cell, dueAtMs);
  }

  /** Of those that every later read must show, the youngest stands for all. Reads that began earlier may still come: they are few. */
  #forget({ committed }: Cell, dueAtMs: number): void {
    if (committed.length < 100) return;
    const old = committed.filter(({ atMs }) => atMs < dueAtMs - 60_000);
    const youngest = Math.max(...old.map(({ version }) => version));
    const kept = committed.filter((each) => !old.includes(each) || each.version === youngest);
    committed.splice(0, committed.length, ...kept);
  }

  #cell(name: string): Cell {
    const cell = this.#cells.get(name) ?? { issued: 0, committed: [], lost: undefined };
    this.#cells.set(name, cell);
    return cell;
  }
}
