// A page of what is stored of a tenant's module, for operators, and the cursor that leads to the next one.
// Tests: test/contract/memory-store.test.ts

export interface ListRequest {
  readonly tenant: string;
  readonly module: string;
  /** The `next` of the page before; absent for the first one. */
  readonly after?: string | undefined;
  readonly most: number;
  /** How much of each entry is wanted: its beginning holds its identity, and not its body. */
  readonly headBytes: number;
}

export interface ListedEntry {
  readonly key: string;
  /** Milliseconds since the epoch. */
  readonly expiresAtMs: number;
  /** 0 where it is listed, and is not there: the server has evicted it. */
  readonly bytes: number;
  /** Empty where it is not there, or must not be read. */
  readonly head: Buffer;
}

export interface EntryPage {
  /** In the order in which they expire. */
  readonly entries: readonly ListedEntry[];
  /** Absent on the last page. */
  readonly next?: string | undefined;
}

/** By place and key, and not by position, so that entries which come and go do not shift pages. */
export function writeCursor(place: string, key: string): string {
  return `${place} ${key}`;
}

/** Of what is no cursor, the beginning. */
export function readCursor(after: string | undefined): { readonly place: string; readonly key: string } {
  const [, place = "", key = ""] = /^(\d{1,17}(?:\.\d{1,17})?) (\S+)$/.exec(after ?? "") ?? [];
  return { place, key };
}
