// What a fill starts from: what its script is called with, and what its reply means.
// Tests: test/contract/redis-store.test.ts
import { randomToken } from "../fence-token.js";
import type { FillRequest, FillStart, LeaseState } from "../store.js";
import type { RedisClient } from "./redis-client.js";
import type { ServerLink } from "./server-link.js";

/** The keys and arguments of `beginFill`. */
export function beginFillCall({ entryKey, fenceKeys, fenceTtlMs, lease }: FillRequest): {
  readonly keys: string[];
  readonly args: (string | number)[];
} {
  const keys = [entryKey, ...fenceKeys];
  const args = [fenceKeys.length, randomToken(), fenceTtlMs];
  if (!lease) return { keys, args };
  keys.push(lease.key);
  args.push(lease.holder, lease.ttlMs, lease.unlessStored ? 1 : 0);
  return { keys, args };
}

/** @param reply lease state, now, fences…, entry */
export function fillStart(reply: readonly (Buffer | string | null)[], runId: string): FillStart {
  const [lease, nowMs] = reply;
  return {
    fences: reply.slice(2, -1).map(String),
    runId,
    entry: (reply.at(-1) ?? null) as Buffer | null,
    lease: String(lease) as LeaseState,
    nowMs: Number(nowMs),
  };
}

/** @param ahead sends what is to be answered before it, on the same connection */
export async function beginFillAt(
  link: ServerLink,
  request: FillRequest,
  ahead?: (client: RedisClient) => void,
): Promise<FillStart> {
  const { keys, args } = beginFillCall(request);
  const reply = (await link.provenScript("beginFill", keys, args, true, ahead)) as (Buffer | null)[];
  return fillStart(reply, link.id);
}
