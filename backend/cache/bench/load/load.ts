// Closed-loop load: each connection sends its next request when the last one has been answered.
import { onPath } from "../../../servers/debian-package.js";
import { loadByAutocannon } from "./autocannon.js";
import { loadOfHeads } from "./head.js";
import type { Load, LoadResult } from "./request.js";
import { loadByWrk } from "./wrk.js";

export const GENERATOR = onPath("wrk") ? "wrk" : "autocannon";

export function load(what: Load): Promise<LoadResult> {
  if (what.requests[0]?.method === "HEAD") return loadOfHeads(what);
  return GENERATOR === "wrk" ? loadByWrk(what) : loadByAutocannon(what);
}
