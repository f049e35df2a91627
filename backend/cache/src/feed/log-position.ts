// Where in the database's log a fence has seen up to: what had been committed by then lies before it.
// Tests: test/unit/feed-log-position.test.ts

/** Positions are comparable within one life of a feed: the marker that `begin` has written is new after every recovery and promotion. */
export interface LogPosition {
  /** What the marker begins with: 48 random bits. */
  readonly life: string;
  /** Of `pg_lsn`, as a number of bytes. */
  readonly lsn: bigint;
}

const LIFE_CHARACTERS = 8;
const MARK = /@([\w-]{8})([0-9a-f]+)@/;
/** A multiple of every size that pages of the log may have. */
const PAGE_BYTES = 65_536n;
/** What the first page of a segment begins with; any other begins with less. */
const LONGEST_HEADER_BYTES = 40n;

export function positionAt(marker: string, lsn: string): LogPosition {
  return { life: marker.slice(0, LIFE_CHARACTERS), lsn: BigInt(lsn) };
}

/** Written into tokens of fences: see `store/fence-token.ts`. */
export function markOf({ life, lsn }: LogPosition): string {
  return `@${life}${lsn.toString(16)}@`;
}

/** `undefined` where the token carries none. */
export function positionOf(fence: string): LogPosition | undefined {
  const found = MARK.exec(fence);
  return found ? { life: found[1] ?? "", lsn: BigInt(`0x${found[2]}`) } : undefined;
}

/**
 * Whether all that lies before the one has been replayed by the other. A log that stands still at the beginning of a segment is written
 * to behind the page's header, and replayed up to where that begins.
 */
export function hasReached(replayed: bigint, lsn: bigint): boolean {
  return replayed >= lsn || (replayed % PAGE_BYTES === 0n && lsn - replayed <= LONGEST_HEADER_BYTES);
}
