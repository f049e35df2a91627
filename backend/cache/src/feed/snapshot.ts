// Snapshots of PostgreSQL as text: which transactions one of them shows, and which have ended since.
// Tests: test/unit/feed-snapshot.test.ts

/** `xmin:xmax:xip,xip`: below xmin all have ended, from xmax on none has, and in between those in xip have not. */
export interface Snapshot {
  readonly xmin: bigint;
  readonly xmax: bigint;
  readonly xip: readonly bigint[];
}

export function parseSnapshot(text: string): Snapshot {
  const [xmin = "", xmax = "", xip = ""] = text.split(":");
  return { xmin: BigInt(xmin), xmax: BigInt(xmax), xip: xip === "" ? [] : xip.split(",").map(BigInt) };
}

/** As `pg_visible_in_snapshot` says it: whether the transaction had ended. */
export function hadEnded({ xmin, xmax, xip }: Snapshot, xid: bigint): boolean {
  return xid < xmin || (xid < xmax && !xip.includes(xid));
}

/** The transactions below `bound` that had not ended, in their order. */
export function openBelow({ xmax, xip }: Snapshot, bound: bigint): bigint[] {
  const open = xip.filter((xid) => xid < bound);
  for (let xid = xmax; xid < bound; xid++) open.push(xid);
  return open.sort((one, other) => (one < other ? -1 : 1));
}
