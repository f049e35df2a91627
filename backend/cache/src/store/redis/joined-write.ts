// What several requests ask of a connection in one step leaves in one piece: a system call here, and one there, for all of them.
// Tests: test/integration/direct-connection.test.ts
import type { Writable } from "node:stream";
import { monotonicNow, nextTick } from "../../timers.js";

/** What leaves in one piece. */
export interface JoinedWrite {
  /** A process that is busy has it wait: only when it has left does the server's silence begin. */
  sentAtMs: number;
}

/** @param last the last one of this connection, which is returned where it has not left yet */
export function joinWrite(stream: Writable, last: JoinedWrite): JoinedWrite {
  if (stream.writableCorked > 0) return last;
  stream.cork();
  const joined = { sentAtMs: monotonicNow() };
  nextTick(() => {
    joined.sentAtMs = monotonicNow();
    stream.uncork();
  });
  return joined;
}
