// What a fill starts from: what its script is called with, and what its reply means.
// Tests: test/contract/redis-store.test.ts
import { randomToken } from "../fence-token.js";
import type { FillRequest, FillStart, LeaseState } from "../store.js";
import type { RedisClient } from "./redis-client.js";
import type { ServerLink } from "./server-link.js";

/** @param ahead sends what is to be answered before it, on the same connection */
export async function beginFillAt(
  link: ServerLink,
  { entryKey, fenceKeys, fenceTtlMs, lease }: FillRequest,
  ahead?: (client: RedisClient) => void,
): Promise<FillStart> {
  const keys = [entryKey, ...fenceKeys, ...(lease ? [lease.key] : [])];
  const leaseArgs = lease ? [lease.holder, lease.ttlMs, lease.unlessStored ? 1 : 0] : [];
  const args = [fenceKeys.length, randomToken(), fenceTtlMs, ...leaseArgs];
  const reply = (await link.provenScript("beginFill", keys, args, true, ahead)) as (Buffer | null)[];
  const [leaseState, nowMs, entry = null, ...fences] = reply;
  return {
    fences: fences.map(String),
    runId: link.id,
    entry,
    lease: String(leaseState) as LeaseState,
    nowMs: Number(nowMs),
  };
}
