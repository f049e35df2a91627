// What the probe sees wherever the library is loaded.
import type { Seen } from "./probe.js";

export const EXPECTED: readonly Seen[] = [
  { request: "GET acme", cache: "fwd=miss; stored", handlerRuns: 1, body: ["Example Ltd"] },
  { request: "GET acme", cache: "hit", handlerRuns: 1, body: ["Example Ltd"] },
  { request: "GET other", cache: "fwd=miss; stored", handlerRuns: 2, body: [] },
  { request: "POST acme", cache: null, handlerRuns: 2, body: "Created" },
  { request: "GET acme", cache: "fwd=miss; stored", handlerRuns: 3, body: ["Example Ltd", "New Ltd"] },
  { request: "GET acme", cache: "hit", handlerRuns: 3, body: ["Example Ltd", "New Ltd"] },
  { request: "GET other", cache: "hit", handlerRuns: 3, body: [] },
];

/** With `PROBE_STALE`: a stale entry is served, and has been refreshed when it is asked for once more. */
export const EXPECTED_WITH_STALE: readonly Seen[] = [
  ...EXPECTED,
  { request: "GET acme", cache: "fwd=miss; stored", handlerRuns: 4, body: 4 },
  { request: "GET acme", cache: "hit", handlerRuns: 5, body: 4 },
  { request: "GET acme", cache: "hit", handlerRuns: 5, body: 5 },
];
