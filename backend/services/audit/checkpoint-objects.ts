// Checkpoints in an object store: one object for each, which is put where none is, and never changed.
// Tests: test/unit/checkpoint-places.test.ts
import {
  CheckpointFork,
  type CheckpointPlace,
  type PlaceEntry,
  type Publication,
  parseEntry,
  publicationLines,
  sizeOf,
} from "./checkpoint-place.js";
import type { ObjectStore } from "./object-store.js";
import { parseNote } from "./signed-note.js";

/** Of the largest size that an index can have: keys sort by size. */
const SIZE_DIGITS = 16;

export class CheckpointObjects implements CheckpointPlace {
  readonly name = "object store";
  readonly #store: ObjectStore;
  /** The last key of each tenant that was seen. */
  readonly #last = new Map<string, string>();

  constructor(store: ObjectStore) {
    this.#store = store;
  }

  async latest(tenantId: string): Promise<string | undefined> {
    let last = this.#last.get(tenantId);
    for await (const key of this.#store.list(prefixOf(tenantId), last)) last = key;
    if (last === undefined) return undefined;
    this.#last.set(tenantId, last);
    return await this.#noteAt(last);
  }

  async publish(tenantId: string, publication: Publication): Promise<void> {
    const from = sizeOf(await this.latest(tenantId));
    const lines: string[] = [];
    for await (const line of publicationLines(publication, from)) lines.push(line);
    const key = `${prefixOf(tenantId)}${String(publication.size).padStart(SIZE_DIGITS, "0")}`;
    if (await this.#store.putIfAbsent(key, Buffer.from(lines.join("")))) return;
    // Another process has been faster: the same tree has the same text, whoever has cosigned it.
    const text = (note: string | undefined) => note && parseNote(note)?.text;
    if (text(await this.#noteAt(key)) !== text(publication.note))
      throw new CheckpointFork(`the object store has another checkpoint of ${publication.size} records`);
  }

  async *read(tenantId: string): AsyncGenerator<PlaceEntry, void, undefined> {
    for await (const key of this.#store.list(prefixOf(tenantId))) yield* await this.#entriesOf(key);
  }

  async #entriesOf(key: string): Promise<PlaceEntry[]> {
    const body = (await this.#store.get(key))?.toString() ?? "";
    return body.split("\n").flatMap((line) => parseEntry(line) ?? []);
  }

  async #noteAt(key: string): Promise<string | undefined> {
    for (const entry of await this.#entriesOf(key)) if ("note" in entry) return entry.note;
    return undefined;
  }
}

const prefixOf = (tenantId: string) => `${tenantId.toLowerCase()}/checkpoint/`;
