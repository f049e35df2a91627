// What docs/guarantees.md excuses, and no more: marks that were lost, and what went to a master that had been replaced.
import type { StoreChange, StoreConnection } from "./checked-protocol.js";

/** What a run knows of its servers. Times are those of `machineNowMs`. */
export interface Servers {
  /**
   * When marks of writers were lost last: with all data, or in a failover. `Infinity` while that may happen.
   */
  readonly lostMarksAtMs: number;
  /**
   * Whether the server with this port was a second master, after its replacement, at some time between these.
   */
  wasSecondMaster(port: number, fromMs: number, toMs: number): boolean;
}

/** One that never fails over, and loses nothing that marks are promised to survive. */
export const ONE_SERVER: Servers = {
  lostMarksAtMs: Number.NEGATIVE_INFINITY,
  wasSecondMaster: () => false,
};

/**
 * Whether a write was confirmed by a master that had been replaced. Until the writer's process has left that,
 * readers of the new one do not see the write. Not excused is a process that had been told before it asked.
 */
export function isWrittenToSecond(changes: readonly StoreChange[], servers: Servers): boolean {
  return changes.some(({ port, sentAtMs, endedAtMs, toldAtMs, error }) => {
    if (port === undefined || endedAtMs === undefined || error !== undefined) return false;
    return toldAtMs === undefined && servers.wasSecondMaster(port, sentAtMs, endedAtMs);
  });
}

/**
 * Whether a read was answered from a master that had been replaced, by a process that had not been told when
 * it was asked.
 */
export function isReadFromSecond(
  connections: readonly StoreConnection[],
  { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number },
  servers: Servers,
): boolean {
  return connections.some((connection) => {
    const { port, toldAtMs = Number.POSITIVE_INFINITY } = connection;
    const sinceMs = Math.max(fromMs, connection.fromMs);
    const untilMs = Math.min(toMs, connection.toMs ?? toMs);
    return sinceMs <= untilMs && toldAtMs > fromMs && servers.wasSecondMaster(port, sinceMs, untilMs);
  });
}

/** When the write's mark was set; `undefined` where it never was. */
export function markedAt(changes: readonly StoreChange[]): number | undefined {
  return changes.find(
    ({ what, endedAtMs, error }) => what === "beginWrite" && endedAtMs !== undefined && error === undefined,
  )?.sentAtMs;
}
