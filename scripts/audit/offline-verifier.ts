// Verifies a bundle of the audit trail with no database: one pass, line by line, in memory that does not grow, restartable.
// Tests: test/unit/offline-verifier.test.ts, test/faults/audit-command.test.ts
import { createReadStream, existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import {
  hashesOf,
  hashOfLeaf,
  isConsistent,
  leavesOf,
  type Parts,
  publicKeyOf,
  pushLeaf,
  rootOf,
  rootOfInclusion,
  signedTree,
  type Tree,
} from "./offline-proofs.js";

export interface VerifyOptions {
  /** Verifier keys of the log: the one that signs, and those that did before. */
  readonly keys: readonly string[];
  /** Of witnesses: each must have cosigned the last checkpoint. */
  readonly witnesses?: readonly string[];
  /** A checkpoint that was got elsewhere, as a note: the bundle must reach it, and must not contradict it. */
  readonly checkpoint?: string | undefined;
  /** Where it is written how far the pass has come, and where it goes on. */
  readonly stateFile?: string | undefined;
}

export interface VerifyResult {
  readonly valid: boolean;
  /** What was found first; empty where all is proven. */
  readonly errors: readonly string[];
  readonly origin: string;
  /** Leaves of the largest signed tree. */
  readonly size: number;
  /** Records whose place in a signed tree is proven, those without content among them. */
  readonly records: number;
  readonly pruned: number;
  /** Pruned records whose pruning this bundle has no record of: a part of a trail may not have it. */
  readonly prunedElsewhere: number;
}

const SAVE_EVERY_LINES = 10_000;

/** All that is known behind a line. */
const START = {
  offset: 0,
  origin: "",
  records: 0,
  pruned: 0,
  last: "",
  before: "",
  parts: [] as Parts,
  /** Of each record that prunes, until it is met: how many were. */
  prunings: {} as Record<string, number>,
  hasReached: false,
  /** Whether all records are here, from the first on. */
  isWhole: false,
};

class Refused extends Error {}

/** @throws Error where the file cannot be read, or a key is none */
export async function verifyBundle(file: string, options: VerifyOptions): Promise<VerifyResult> {
  const pass = new Pass(options);
  const errors: string[] = [];
  try {
    await pass.run(file);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    errors.push(error.message);
  }
  const { origin, records, pruned, prunings, last } = pass.state;
  const prunedElsewhere = Object.values(prunings).reduce((sum, count) => sum + count, 0);
  const size = Number(last.split("\n")[1] ?? 0);
  return { valid: errors.length === 0, errors, origin, size, records, pruned, prunedElsewhere };
}

class Pass {
  readonly state: typeof START;
  readonly #options: VerifyOptions;
  readonly #keys: ReturnType<typeof publicKeyOf>[];
  readonly #expected: Tree | undefined;

  constructor(options: VerifyOptions) {
    const { keys, checkpoint, stateFile } = options;
    this.#options = options;
    this.#keys = keys.map(publicKeyOf);
    this.#expected = checkpoint === undefined ? undefined : signedTree(checkpoint, this.#keys);
    const isResumed = stateFile !== undefined && existsSync(stateFile);
    const fresh = { offset: 0, origin: "", records: 0, pruned: 0, last: "", before: "", hasReached: false };
    this.state = isResumed
      ? JSON.parse(readFileSync(stateFile, "utf8"))
      : { ...fresh, parts: [], prunings: {} };
  }

  async run(file: string): Promise<void> {
    let lines = 0;
    for await (const { line, end } of linesOf(file, this.state.offset)) {
      this.#line(refusing(() => JSON.parse(line) as Record<string, unknown>));
      this.state.offset = end;
      if (++lines % SAVE_EVERY_LINES === 0) this.#save();
    }
    this.#end();
    this.#save();
  }

  #line(entry: Record<string, unknown>): void {
    if (entry.bundle !== undefined) this.#head(entry);
    else if (this.state.origin === "") throw new Refused("this is no bundle of the audit trail");
    else if (typeof entry.checkpoint === "string") this.#checkpoint(entry.checkpoint);
    else if (typeof entry.consistency === "string") this.#consistency(entry.consistency);
    else if (typeof entry.record === "number") this.#record(entry.record, entry);
    else throw new Refused("a line of the bundle is not known");
  }

  #head({ bundle, origin, whole }: Record<string, unknown>): void {
    if (bundle !== "crm-audit/1" || typeof origin !== "string" || this.state.origin !== "")
      throw new Refused("this is no bundle of the audit trail, or one of another version");
    const names = this.#keys.map(({ name }) => name);
    if (!names.some((name) => origin.startsWith(`${name}/`)))
      throw new Refused(`the bundle is of ${origin}, the key of ${names.join(", ")}`);
    [this.state.origin, this.state.isWhole] = [origin, whole === true];
  }

  get #leaves(): number {
    return leavesOf(this.state.parts);
  }

  #tree(note: string): Tree {
    return refusing(() => signedTree(note, this.#keys));
  }

  #record(index: number, { content, pruned, by, proof }: Record<string, unknown>): void {
    const leaf = typeof content === "string" ? hashOfLeaf(content) : Buffer.from(String(pruned), "base64");
    if (typeof proof === "string") {
      const { size, root } = this.#tree(this.state.last);
      if (!refusing(() => rootOfInclusion(index, size, leaf, hashesOf(proof)))?.equals(root))
        throw new Refused(`index ${index}: the record is not in the signed tree`);
    } else if (!this.state.isWhole) throw new Refused(`index ${index}: the record has no proof`);
    else {
      // All records from the first on: whatever is missing or doubled has the wrong index.
      if (index !== this.#leaves) throw new Refused(`index ${this.#leaves}: the record is missing`);
      pushLeaf(this.state.parts, leaf);
    }
    this.state.records += 1;
    if (typeof content === "string") this.#content(index, content);
    else {
      this.state.pruned += 1;
      this.state.prunings[String(by)] = (this.state.prunings[String(by)] ?? 0) + 1;
    }
  }

  #content(index: number, content: string): void {
    const { tenant, id, action, entityType, detail } = refusing(() => JSON.parse(content));
    if (!this.state.origin.endsWith(`/${tenant}`))
      throw new Refused(`index ${index}: the record is of another tenant`);
    const count = this.state.prunings[id];
    if (count === undefined || action !== "erase" || entityType !== "audit_record") return;
    // Where all records are here, those that it pruned are, too.
    if (this.state.isWhole && count !== detail?.count)
      throw new Refused(
        `index ${index}: says that ${detail?.count} records were pruned, and ${count} are missing`,
      );
    delete this.state.prunings[id];
  }

  #checkpoint(note: string): void {
    const { origin, size, root } = this.#tree(note);
    const from = Number(this.state.last.split("\n")[1] ?? 0);
    if (origin !== this.state.origin) throw new Refused(`a checkpoint is of ${origin}`);
    if (size < from) throw new Refused("a checkpoint is smaller than the one before");
    if (this.state.isWhole && !(size === this.#leaves && size > 0 && rootOf(this.state.parts).equals(root)))
      throw new Refused(`index ${from} to ${size - 1}: the records are not those that were signed`);
    if (this.#expected?.size === size) {
      if (!this.#expected.root.equals(root))
        throw new Refused(`the log has signed two trees of ${size} records`);
      this.state.hasReached = true;
    }
    [this.state.before, this.state.last] = [this.state.last, note];
  }

  #consistency(proof: string): void {
    const [old, now] = [this.#tree(this.state.before), this.#tree(this.state.last)];
    if (!refusing(() => isConsistent(old, now, hashesOf(proof))))
      throw new Refused(`the tree of ${now.size} records does not continue that of ${old.size}`);
  }

  #end(): void {
    const { size } = this.#tree(this.state.last);
    if (this.state.isWhole && size !== this.#leaves)
      throw new Refused(`index ${size} to ${this.#leaves - 1}: no checkpoint covers the last records`);
    if (this.#expected && !this.state.hasReached)
      throw new Refused(`the bundle does not reach the checkpoint of ${this.#expected.size} records`);
    for (const witness of this.#options.witnesses ?? [])
      refusing(() => signedTree(this.state.last, [publicKeyOf(witness)]));
  }

  #save(): void {
    const { stateFile } = this.#options;
    if (stateFile === undefined) return;
    writeFileSync(`${stateFile}.new`, JSON.stringify(this.state));
    renameSync(`${stateFile}.new`, stateFile);
  }
}

/** What cannot be read is refused like what does not verify. */
function refusing<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new Refused(
      error instanceof SyntaxError ? "a line of the bundle is no JSON" : (error as Error).message,
    );
  }
}

async function* linesOf(file: string, start: number) {
  let [rest, end] = [Buffer.alloc(0), start];
  for await (const chunk of createReadStream(file, { start, highWaterMark: 1 << 18 })) {
    rest = Buffer.concat([rest, chunk]);
    let from = 0;
    for (let at = rest.indexOf(10); at !== -1; at = rest.indexOf(10, from)) {
      end += at + 1 - from;
      yield { line: rest.toString("utf8", from, at), end };
      from = at + 1;
    }
    rest = rest.subarray(from);
  }
  if (rest.length > 0) throw new Refused("the bundle is cut off in its last line");
}
