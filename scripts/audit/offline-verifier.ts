// Verifies a bundle of the audit trail with no database: one pass, line by line, in memory that does not grow, restartable.
// Tests: test/unit/offline-verifier.test.ts, test/faults/audit-command.test.ts
import { createReadStream, existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import * as proofs from "./offline-proofs.js";
import { check, Refused, signedTree } from "./offline-proofs.js";

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

/** All that is known behind a line. */
const newState = () => ({
  offset: 0,
  origin: "",
  /** Whether all records are here, from the first on. */
  isWhole: false,
  records: 0,
  pruned: 0,
  /** The last two checkpoints. */
  last: "",
  before: "",
  tree: { leaves: 0, roots: [] } as proofs.Growing,
  /** Of each record that prunes, until it is met: how many were. */
  prunings: {} as Record<string, number>,
  hasReached: false,
});

/**
 * @returns `errors`: what was found first; `size`: leaves of the largest signed tree; `records`: those whose place in it is proven, `pruned` of
 *   them without content; `prunedElsewhere`: pruned by a record that is not here, which a part of a trail may lack
 * @throws Error where the file cannot be read, or a key is none
 */
export async function verifyBundle(file: string, options: VerifyOptions) {
  const pass = new Pass(options);
  const errors: string[] = [];
  try {
    let lines = 0;
    for await (const { line, end } of linesOf(file, pass.state.offset)) {
      pass.line(parsed(line));
      pass.state.offset = end;
      if (++lines % SAVE_EVERY_LINES === 0) pass.save();
    }
    pass.end();
    pass.save();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    errors.push(error.message);
  }
  const { origin, records, pruned, prunings, last } = pass.state;
  const prunedElsewhere = Object.values(prunings).reduce((sum, count) => sum + count, 0);
  return { valid: errors.length === 0, errors, origin, size: sizeOf(last), records, pruned, prunedElsewhere };
}

class Pass {
  readonly state: ReturnType<typeof newState>;
  readonly #keys: proofs.PublicKey[];
  readonly #witnesses: proofs.PublicKey[];
  readonly #expected: proofs.Tree | undefined;
  readonly #file: string;

  constructor({ keys, witnesses = [], checkpoint, stateFile = "" }: VerifyOptions) {
    [this.#keys, this.#witnesses] = [keys.map(proofs.publicKeyOf), witnesses.map(proofs.publicKeyOf)];
    this.#expected = checkpoint === undefined ? undefined : signedTree(checkpoint, this.#keys);
    this.#file = stateFile;
    this.state = existsSync(stateFile) ? JSON.parse(readFileSync(stateFile, "utf8")) : newState();
  }

  line(entry: Record<string, unknown>): void {
    const { bundle, checkpoint, consistency, record } = entry;
    check(bundle !== undefined || this.state.origin !== "", "this is no bundle of the audit trail");
    if (bundle !== undefined) this.#head(entry);
    else if (typeof checkpoint === "string") this.#checkpoint(checkpoint);
    else if (typeof consistency === "string") this.#consistency(consistency);
    else if (Number.isSafeInteger(record)) this.#record(Number(record), entry);
    else throw new Refused("a line of the bundle is not known");
  }

  #head({ bundle, origin, whole }: Record<string, unknown>): void {
    const isHead = bundle === "crm-audit/1" && typeof origin === "string" && this.state.origin === "";
    check(isHead, "this is no bundle of the audit trail, or one of another version");
    const isOf = ({ name }: proofs.PublicKey) => origin.startsWith(`${name}/`);
    check(this.#keys.some(isOf), `the bundle is of ${origin}, the key of ${this.#keys[0]?.name}`);
    [this.state.origin, this.state.isWhole] = [origin, whole === true];
  }

  #record(index: number, { content, pruned, by, proof }: Record<string, unknown>): void {
    const { tree, prunings, isWhole, last } = this.state;
    const hasContent = typeof content === "string";
    const leaf = hasContent ? proofs.hashOfLeaf(content) : Buffer.from(String(pruned), "base64");
    if (typeof proof === "string") {
      const { size, root } = signedTree(last, this.#keys);
      const found = proofs.rootOfInclusion(index, size, leaf, proofs.hashesOf(proof));
      check(found?.equals(root) === true, `index ${index}: the record is not in the signed tree`);
    } else {
      check(isWhole, `index ${index}: the record has no proof`);
      // All records from the first on: whatever is missing or doubled has the wrong index.
      check(index === tree.leaves, `index ${tree.leaves}: the record is missing`);
      proofs.pushLeaf(tree, leaf);
    }
    this.state.records += 1;
    if (hasContent) this.#content(index, content);
    else {
      this.state.pruned += 1;
      prunings[String(by)] = (prunings[String(by)] ?? 0) + 1;
    }
  }

  #content(index: number, content: string): void {
    const { tenant, id, action, entityType, detail } = parsed(content);
    const { origin, isWhole, prunings } = this.state;
    check(origin.endsWith(`/${tenant}`), `index ${index}: the record is of another tenant`);
    const missing = prunings[String(id)];
    if (missing === undefined || action !== "erase" || entityType !== "audit_record") return;
    const said = Object(detail).count;
    // Where all records are here, those that it pruned are, too.
    const isSo = !isWhole || missing === said;
    check(isSo, `index ${index}: says that ${said} records were pruned, and ${missing} are missing`);
    delete prunings[String(id)];
  }

  #checkpoint(note: string): void {
    const { tree, last } = this.state;
    const { origin, size, root } = signedTree(note, this.#keys);
    check(origin === this.state.origin, `a checkpoint is of ${origin}`);
    check(size >= sizeOf(last), "a checkpoint is smaller than the one before");
    const isOfRecords = size > 0 && size === tree.leaves && proofs.rootOf(tree).equals(root);
    const range = `index ${sizeOf(last)} to ${size - 1}`;
    check(!this.state.isWhole || isOfRecords, `${range}: the records are not those that were signed`);
    if (this.#expected?.size === size) {
      check(this.#expected.root.equals(root), `the log has signed two trees of ${size} records`);
      this.state.hasReached = true;
    }
    [this.state.before, this.state.last] = [last, note];
  }

  #consistency(proof: string): void {
    const [old, now] = [signedTree(this.state.before, this.#keys), signedTree(this.state.last, this.#keys)];
    const continues = proofs.isConsistent(old, now, proofs.hashesOf(proof));
    check(continues, `the tree of ${now.size} records does not continue that of ${old.size}`);
  }

  end(): void {
    const { last, tree, isWhole, hasReached } = this.state;
    const { size } = signedTree(last, this.#keys);
    const range = `index ${size} to ${tree.leaves - 1}`;
    check(!isWhole || size === tree.leaves, `${range}: no checkpoint covers the last records`);
    check(
      !this.#expected || hasReached,
      `the bundle does not reach the checkpoint of ${this.#expected?.size} records`,
    );
    for (const witness of this.#witnesses) signedTree(last, [witness]);
  }

  save(): void {
    if (this.#file === "") return;
    writeFileSync(`${this.#file}.new`, JSON.stringify(this.state));
    renameSync(`${this.#file}.new`, this.#file);
  }
}

const SAVE_EVERY_LINES = 10_000;
/** Of a checkpoint that was verified. */
const sizeOf = (note: string) => Number(note.split("\n")[1] ?? 0);

function parsed(text: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(text));
  } catch {
    throw new Refused("a line of the bundle is no JSON");
  }
}

async function* linesOf(file: string, start: number) {
  let [rest, end] = ["", start];
  for await (const chunk of createReadStream(file, { start, encoding: "utf8", highWaterMark: 1 << 18 })) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      end += Buffer.byteLength(line) + 1;
      yield { line, end };
    }
  }
  check(rest === "", "the bundle is cut off in its last line");
}
