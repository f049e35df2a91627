// What was published about a tenant's tree, read along its leaves: hashes by index, and notes by size.
// Tests: test/integration/audit-integrity.test.ts
import type { CheckpointPlace, LeafChunk, PlaceEntry } from "./checkpoint-place.js";
import { sizeOf } from "./checkpoint-place.js";
import { HASH_BYTES } from "./merkle.js";

export class PublishedLeaves {
  /** Of the largest checkpoint of all places. */
  readonly largest: number;
  /** Places that cannot be read. */
  readonly problems: readonly string[];
  readonly #entries: AsyncIterator<PlaceEntry> | undefined;
  #chunk: LeafChunk | undefined;
  /** Notes that were met, of sizes that are still to come. */
  readonly #notes = new Map<number, string>();
  #isAtEnd = false;

  private constructor(
    notes: readonly string[],
    problems: readonly string[],
    entries: AsyncIterator<PlaceEntry> | undefined,
  ) {
    this.problems = problems;
    this.#entries = entries;
    this.largest = Math.max(0, ...notes.map(sizeOf));
    // Of the other places the last one counts; the first one is read as a whole.
    for (const note of notes) this.#notes.set(sizeOf(note), note);
  }

  static async open(
    { places, tenantId }: { readonly places: readonly CheckpointPlace[]; readonly tenantId: string },
    from: number,
  ): Promise<PublishedLeaves> {
    const notes: string[] = [];
    const problems: string[] = [];
    let longest: { readonly place: CheckpointPlace; readonly size: number } | undefined;
    for (const place of places) {
      try {
        const note = await place.latest(tenantId);
        if (note === undefined) continue;
        notes.push(note);
        if (sizeOf(note) > (longest?.size ?? 0)) longest = { place, size: sizeOf(note) };
      } catch (error) {
        problems.push(`the ${place.name} cannot be read: ${(error as Error).message}`);
      }
    }
    const leaves = new PublishedLeaves(
      notes,
      problems,
      longest?.place.read(tenantId)[Symbol.asyncIterator](),
    );
    for (const size of leaves.#notes.keys()) if (size <= from) leaves.#notes.delete(size);
    return leaves;
  }

  /** The published hash of a leaf; asked for in ascending order. */
  async at(index: number): Promise<Buffer | undefined> {
    while (!this.#isAtEnd && index >= endOf(this.#chunk)) await this.#next();
    const chunk = this.#chunk;
    if (chunk === undefined || index < chunk.from || index >= endOf(chunk)) {
      await this.#readNotes(index + 1);
      return undefined;
    }
    const at = (index - chunk.from) * HASH_BYTES;
    // A note is written behind its leaves.
    if (index === endOf(chunk) - 1) await this.#readNotes(index + 1);
    return chunk.leaves.subarray(at, at + HASH_BYTES);
  }

  /** The note of a size, once. */
  noteAt(size: number): string | undefined {
    const note = this.#notes.get(size);
    this.#notes.delete(size);
    return note;
  }

  /** Up to the next chunk with leaves behind `size`, which stays for later. */
  async #readNotes(size: number): Promise<void> {
    while (!this.#isAtEnd && endOf(this.#chunk) <= size) {
      const before = this.#chunk;
      await this.#next();
      if (this.#chunk !== before) return;
    }
  }

  async #next(): Promise<void> {
    const { value, done = true } = (await this.#entries?.next()) ?? {};
    if (done || value === undefined) this.#isAtEnd = true;
    else if ("note" in value) this.#notes.set(sizeOf(value.note), value.note);
    else this.#chunk = value;
  }
}

const endOf = (chunk: LeafChunk | undefined) => (chunk ? chunk.from + chunk.leaves.length / HASH_BYTES : 0);
