// Whether a tenant's records are those that were signed: one pass, in memory that does not grow, and the first bad index is named.
// Tests: test/integration/audit-integrity.test.ts
import type { CheckpointPlace } from "./checkpoint-place.js";
import type { IntegrityBatch, IntegritySource, StoredRecord } from "./integrity-source.js";
import { HASH_BYTES, leafHash, subtreesOf, TreeEdge } from "./merkle.js";
import { prunedRanges } from "./prune-record.js";
import { PublishedLeaves } from "./published-leaves.js";
import type { Checkpoint } from "./signed-note.js";

export interface IntegrityReport {
  readonly valid: boolean;
  /** At most 20, the one with the lowest index first. */
  readonly errors: readonly string[];
  /** The lowest index that is not what was signed. */
  readonly firstBadIndex?: number;
  /** Records that were looked at. */
  readonly size: number;
  /** Of the largest checkpoint that was found: what comes behind is not proven yet. */
  readonly provenSize: number;
}

/** Where a pass goes on. */
export interface IntegrityState {
  readonly size: number;
  /** Of the tree's edge, in base64. */
  readonly hashes: readonly string[];
}

export interface IntegrityOptions {
  readonly source: IntegritySource;
  readonly tenantId: string;
  /** Where checkpoints were published. Of none, the database's own copies are believed. */
  readonly places: readonly CheckpointPlace[];
  /** The checkpoint of a note that this log has signed for the tenant; `undefined` where it has not. */
  readonly opened: (note: string) => Checkpoint | undefined;
  readonly from?: IntegrityState;
  /** Hears of each checkpoint that was reached without an error. */
  readonly onProven?: (state: IntegrityState) => Promise<void> | void;
}

const BATCH_RECORDS = 1000;
const MAX_ERRORS = 20;

interface Finding {
  readonly index: number;
  readonly message: string;
  /** Whether it is only true if the published leaves are. */
  readonly byPublished?: boolean;
}

export async function verifyIntegrity(options: IntegrityOptions): Promise<IntegrityReport> {
  const pass = new Pass(options);
  return await pass.run();
}

class Pass {
  readonly #options: IntegrityOptions;
  readonly #findings: Finding[] = [];
  /** Built from what the tables hold. */
  #edge: TreeEdge;
  /** Built from the leaves that were published with the checkpoints; absent where there are none. */
  #published: TreeEdge | undefined;
  /** Since the last checkpoint: what is wrong if the published leaves are right. */
  #suspects: Finding[] = [];
  #proven = 0;
  #lastOpened: { readonly note: string; readonly checkpoint: Checkpoint | undefined } | undefined;
  #pruning: { readonly id: string; readonly ranges: ReturnType<typeof prunedRanges> } | undefined;

  constructor(options: IntegrityOptions) {
    this.#options = options;
    const { size = 0, hashes = [] } = options.from ?? {};
    this.#edge = new TreeEdge(
      size,
      hashes.map((hash) => Buffer.from(hash, "base64")),
    );
    this.#proven = size;
  }

  async run(): Promise<IntegrityReport> {
    const { source, places } = this.#options;
    const from = this.#edge.size;
    const leaves = await PublishedLeaves.open(this.#options, from);
    this.#published = places.length > 0 ? this.#edge.copy() : undefined;
    for (const message of leaves.problems) this.#found(0, message);
    const size = Math.max(await source.size(), leaves.largest);
    for (let start = from; start < size; start += BATCH_RECORDS) {
      const end = Math.min(start + BATCH_RECORDS, size);
      if (!(await this.#batch(await source.batch(start, end), leaves, start, end))) break;
    }
    // What comes behind the last checkpoint is held against the tree's nodes alone.
    this.#findings.push(...this.#suspects);
    return this.#report(size);
  }

  /** `false` where what comes behind cannot be told any more. */
  async #batch(batch: IntegrityBatch, leaves: PublishedLeaves, start: number, end: number): Promise<boolean> {
    const records = new Map(batch.records.map((record) => [record.index, record]));
    const nodes = new Map(batch.nodes.map(({ level, position, hash }) => [`${level}/${position}`, hash]));
    const copies = new Map(batch.checkpoints.map(({ size, note }) => [size, note]));
    for (let index = start; index < end; index++) {
      const stored = nodes.get(`0/${index}`);
      const published = await leaves.at(index);
      const hash = await this.#leafOf(records.get(index), index, published, stored);
      const isPublished = published !== undefined && this.#published?.size === index;
      const byPublished = isPublished ? this.#published?.append(published) : undefined;
      if (!isPublished) this.#published = undefined;
      const byRecords = this.#edge.append(hash);
      // A node above a changed record is right as long as it is that of the published leaves.
      for (const { level, position, hash: expected } of byPublished ?? byRecords)
        if (!nodes.get(`${level}/${position}`)?.equals(expected))
          this.#suspect({
            index,
            message: `index ${index}: the tree's node ${level}/${position} is missing, or another`,
            byPublished: isPublished,
          });
      const copy = copies.get(index + 1);
      const note = leaves.noteAt(index + 1) ?? (this.#options.places.length === 0 ? copy : undefined);
      if (note && !(await this.#judge(note))) return false;
      if (copy && this.#options.places.length > 0) this.#judgeCopy(copy, index + 1);
    }
    return true;
  }

  /** The hash that the tables say, and what is suspicious about it. */
  async #leafOf(
    record: StoredRecord | undefined,
    index: number,
    published: Buffer | undefined,
    stored: Buffer | undefined,
  ): Promise<Buffer> {
    const known = published ?? stored ?? Buffer.alloc(HASH_BYTES);
    if (record === undefined) {
      this.#suspect({ index, message: `index ${index}: the record is missing` });
      return known;
    }
    if (record.content === null) {
      if (!(await this.#isPruned(index, record.prunedBy)))
        this.#suspect({
          index,
          message: `index ${index}: the content is missing, and no record says that it was pruned`,
        });
      return stored ?? known;
    }
    const hash = leafHash(record.content);
    const signed = published ?? stored;
    if (signed && !signed.equals(hash))
      this.#suspect({
        index,
        message: `index ${index}: the record is not the one that was signed`,
        byPublished: published !== undefined,
      });
    return hash;
  }

  async #isPruned(index: number, by: string | null): Promise<boolean> {
    if (by === null) return false;
    // One record prunes many: the last one is asked for again and again.
    if (this.#pruning?.id !== by) {
      const content = await this.#options.source.recordById(by);
      this.#pruning = { id: by, ranges: content === undefined ? [] : prunedRanges(content) };
    }
    return this.#pruning.ranges.some(([first, last]) => first <= index && index <= last);
  }

  /** At a signed size: either the tables' tree is the signed one, or the published leaves tell what is wrong. */
  async #judge(note: string): Promise<boolean> {
    const { onProven } = this.#options;
    const checkpoint = this.#opened(note);
    if (checkpoint === undefined) {
      this.#found(this.#proven, `the checkpoint of ${this.#edge.size} records is not signed by this log`);
      return false;
    }
    const { size, root } = checkpoint;
    const isPublishedRight = this.#published?.root.equals(root) === true;
    if (this.#edge.root.equals(root)) {
      if (this.#published && !isPublishedRight)
        this.#found(
          this.#proven,
          `the published leaves ${this.#proven} to ${size - 1} are not those that were signed`,
        );
      this.#findings.push(...this.#suspects.filter(({ byPublished }) => !byPublished || isPublishedRight));
    } else {
      this.#findings.push(...this.#suspects);
      if (this.#suspects.length === 0)
        this.#found(
          this.#proven,
          `index ${this.#proven} to ${size - 1}: the records are not those that were signed`,
        );
      if (!isPublishedRight) return false;
      this.#edge = (this.#published as TreeEdge).copy();
    }
    this.#published = this.#options.places.length > 0 ? this.#edge.copy() : undefined;
    this.#suspects = [];
    this.#proven = size;
    if (this.#findings.length === 0) await onProven?.(stateOf(this.#edge));
    return this.#findings.length < MAX_ERRORS;
  }

  #judgeCopy(note: string, size: number): void {
    const checkpoint = this.#opened(note);
    const root = this.#published?.size === size ? this.#published.root : this.#edge.root;
    if (checkpoint?.size === size && checkpoint.root.equals(root)) return;
    const message = `index ${size - 1}: the database's copy of the checkpoint was altered`;
    this.#suspect({ index: size - 1, message, byPublished: this.#published !== undefined });
  }

  /** Signatures are most of what a pass costs, and a copy is the note that was judged just before. */
  #opened(note: string): Checkpoint | undefined {
    if (this.#lastOpened?.note !== note) this.#lastOpened = { note, checkpoint: this.#options.opened(note) };
    return this.#lastOpened.checkpoint;
  }

  #suspect(finding: Finding): void {
    if (this.#suspects.length < MAX_ERRORS) this.#suspects.push(finding);
  }

  #found(index: number, message: string): void {
    this.#findings.push({ index, message });
  }

  #report(size: number): IntegrityReport {
    const findings = this.#findings.toSorted((one, other) => one.index - other.index).slice(0, MAX_ERRORS);
    const [first] = findings;
    return {
      valid: first === undefined,
      errors: findings.map(({ message }) => message),
      ...(first && { firstBadIndex: first.index }),
      size,
      provenSize: this.#proven,
    };
  }
}

function stateOf(edge: TreeEdge): IntegrityState {
  return { size: edge.size, hashes: edge.hashes.map((hash) => hash.toString("base64")) };
}

/** @throws TypeError where it is no state */
export function parseState(text: string): IntegrityState {
  const { size, hashes } = JSON.parse(text) as Partial<IntegrityState>;
  if (!Number.isSafeInteger(size) || !Array.isArray(hashes))
    throw new TypeError("is no state of a verification");
  if (hashes.length !== subtreesOf({ from: 0, to: Number(size) }).length)
    throw new TypeError("is no state of a verification: its hashes are not those of a tree of its size");
  return { size: Number(size), hashes: hashes.map(String) };
}
