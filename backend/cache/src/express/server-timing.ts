// The Server-Timing response header (W3C Server Timing): how long the cache took to decide, and what it decided.
// Tests: test/integration/decisions.test.ts
import type { ServerResponse } from "node:http";
import { monotonicNow } from "../timers.js";
import { setMethods } from "./own-methods.js";

/**
 * Adds the header when the head of the response is written: for a hit that is the lookup, for a miss
 * everything until the handler began to answer.
 */
export function addServerTiming(res: ServerResponse): void {
  const startedAtMs = monotonicNow();
  const writeHead = res.writeHead;
  const timed = (...args: Parameters<typeof writeHead>) => {
    const isHit = String(res.getHeader("Cache-Status") ?? "").includes("; hit");
    const durationMs = (monotonicNow() - startedAtMs).toFixed(1);
    res.appendHeader("Server-Timing", `cache;desc=${isHit ? "hit" : "miss"};dur=${durationMs}`);
    return Reflect.apply(writeHead, res, args);
  };
  setMethods(res, { writeHead: timed as typeof writeHead });
}
