// Makes compressed variants of entries: once, behind the first hit that could have used one, and stores them with the entry.
// Tests: test/integration/content-coding.test.ts
import { availableParallelism } from "node:os";
import { BoundedMap } from "../bounded-map.js";
import { makeVariants } from "../codec/content-coding.js";
import { type Entry, withVariants } from "../codec/entry.js";
import { fencesOf } from "./carried-fences.js";
import type { EntryRef } from "./entry-ref.js";
import type { EntryWriter } from "./entry-writer.js";
import { UnderWay } from "./under-way.js";

/**
 * Entries at a time, each with one thread: the thread pool and the CPUs are also those of the application's
 * own work.
 */
const MAX_UNDER_WAY = availableParallelism() < 8 ? 1 : 2;
const MAX_TRIED_CHARACTERS = 3 * 1024 * 1024;

export class VariantMaker {
  readonly #writer: Pick<EntryWriter, "commit">;
  /** Entries that were tried, by key and creation: also those that compression does not make smaller. */
  readonly #tried = new BoundedMap<true>({ maxCharacters: MAX_TRIED_CHARACTERS });
  readonly underWay = new UnderWay();

  constructor(writer: Pick<EntryWriter, "commit">) {
    this.#writer = writer;
  }

  /** Starts the work unless it was tried, or enough is under way: the next hit asks again. */
  consider(ref: EntryRef, entry: Entry): void {
    const name = `${ref.entryKey} ${entry.createdAt}`;
    if (this.underWay.size >= MAX_UNDER_WAY || this.#tried.has(name)) return;
    this.#tried.set(name, true);
    // It fails where the store is away: a later hit tries again.
    this.underWay.add(this.#make(ref, entry).catch(() => void this.#tried.delete(name)));
  }

  /**
   * The same compare-and-set as a fill's: an entry that a fence has cut off meanwhile is not written again.
   */
  async #make(ref: EntryRef, entry: Entry): Promise<void> {
    const variants = await makeVariants(entry.body);
    if (variants.length === 0 || entry.expiresAt <= Date.now()) return;
    const { fenceKeys, fences: tokens } = fencesOf(ref, entry.fences);
    await this.#writer.commit(ref, { fenceKeys, tokens }, withVariants(entry, variants));
  }
}
