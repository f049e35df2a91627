// A map by texts that forgets what was put in first: bounded by characters, because whoever asks chooses how long the texts are.

/** Longer entries are usually not remembered at all: one request is not to take the place of hundreds. */
export const MAX_ENTRY_CHARACTERS = 4096;
/**
 * What an entry costs beside its texts (a place in the map, the value's objects), as measured on V8, in
 * characters.
 */
const OVERHEAD_CHARACTERS = 384;
/** Of a full map, what is left when room is made. */
const REMAINING = 15 / 16;

export interface Bound<V> {
  /** Of all entries together, {@link OVERHEAD_CHARACTERS} for each of them among them. */
  readonly maxCharacters: number;
  /** Of one entry. Default {@link MAX_ENTRY_CHARACTERS}. */
  readonly maxEntryCharacters?: number;
  /** Default: as many as the characters allow. */
  readonly maxEntries?: number;
  /** Characters that a value keeps alive beside its key; always the same for the same value. Default 0. */
  readonly charactersOf?: (value: V) => number;
  /** Keys are texts of their own, as {@link ownText} makes them, and need not be copied. */
  readonly areKeysOwn?: true;
}

/**
 * Reading it is reading a `Map`: an LRU's bookkeeping costs a hit more than all else that is remembered
 * saves. For what can be worked out again at no harm.
 */
export class BoundedMap<V> {
  readonly #maxCharacters: number;
  readonly #maxEntryCharacters: number;
  readonly #maxEntries: number;
  readonly #charactersOf: (value: V) => number;
  readonly #areKeysOwn: boolean;
  readonly #map = new Map<string, V>();
  #characters = 0;

  constructor(bound: Bound<V>) {
    this.#maxCharacters = bound.maxCharacters;
    this.#maxEntryCharacters = bound.maxEntryCharacters ?? MAX_ENTRY_CHARACTERS;
    this.#maxEntries = bound.maxEntries ?? Number.POSITIVE_INFINITY;
    this.#charactersOf = bound.charactersOf ?? nothing;
    this.#areKeysOwn = bound.areKeysOwn ?? false;
  }

  get size(): number {
    return this.#map.size;
  }

  /** Whether it may have to forget soon: before that nothing is gained by putting in anew what is there. */
  get isHalfFull(): boolean {
    return this.#characters > this.#maxCharacters / 2;
  }

  get(key: string): V | undefined {
    return this.#map.get(key);
  }

  has(key: string): boolean {
    return this.#map.has(key);
  }

  /**
   * What is put in anew counts as the youngest. An entry that is too long is not kept; nor is what its key
   * had before.
   */
  set(key: string, value: V): void {
    if (this.#map.has(key)) this.delete(key);
    const characters = this.#cost(key, value);
    if (characters > this.#maxEntryCharacters + OVERHEAD_CHARACTERS) return;
    this.#map.set(this.#areKeysOwn ? key : ownText(key), value);
    this.#characters += characters;
    if (this.#characters > this.#maxCharacters || this.#map.size > this.#maxEntries) this.#makeRoom();
  }

  delete(key: string): void {
    const value = this.#map.get(key);
    if (value === undefined && !this.#map.has(key)) return;
    this.#map.delete(key);
    this.#characters -= this.#cost(key, value as V);
  }

  keys(): IterableIterator<string> {
    return this.#map.keys();
  }

  entries(): IterableIterator<[string, V]> {
    return this.#map.entries();
  }

  /**
   * For many at once: a `Map` looks for its oldest entry among the places of all that were deleted before it.
   */
  #makeRoom(): void {
    const characters = this.#maxCharacters * REMAINING;
    const entries = Math.ceil(this.#maxEntries * REMAINING);
    for (const oldest of this.#map.keys()) {
      if (this.#characters <= characters && this.#map.size <= entries) return;
      this.delete(oldest);
    }
  }

  #cost(key: string, value: V): number {
    return key.length + this.#charactersOf(value) + OVERHEAD_CHARACTERS;
  }
}

function nothing(): number {
  return 0;
}

/**
 * A copy that keeps nothing else alive. V8 keeps all of a text for a part that was cut out of it (a request's
 * URL for an id in it), and the parts of one that was put together. Texts as they are on the wire become
 * plain ones, which are the fastest to compare.
 */
export function ownText(text: string): string {
  if (text === "") return "";
  const copy = Buffer.from(text, "latin1").toString("latin1");
  return copy === text ? copy : ` ${text}`.slice(1);
}
