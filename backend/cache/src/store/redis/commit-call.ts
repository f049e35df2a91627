// Storing an entry: what its script is called with, and what its reply means.
// Tests: test/contract/redis-store.test.ts
import { hash } from "node:crypto";
import { generationOf, randomToken } from "../fence-token.js";
import type { KeySpace } from "../key-space.js";
import type { CommitOutcome, CommitResult, FillCommit } from "../store.js";
import type { Parked } from "./redis-client.js";
import type { ServerLink } from "./server-link.js";

/** In the order of what the script returns. */
const OUTCOMES: readonly CommitOutcome[] = ["fenced", "stored", "too-large", "no-room"];

/**
 * What is larger goes past Lua, which copies its arguments and collects them as garbage: 20 KB cost a script four times
 * what the rest of it does. It is parked under a key of its own, in the same write, and the script renames it.
 */
const MAX_INLINE_BYTES = 2048;
/** Where the script never comes, the server forgets the value by itself. */
const PARKED_MS = 10_000;

export interface CommitCall {
  readonly keys: string[];
  /** Before the value, which is the last, unless it is parked. */
  readonly args: (string | number)[];
  /** In pieces that follow each other. */
  readonly value: readonly Buffer[];
  readonly valueBytes: number;
  readonly parked: Omit<Parked, "value"> | undefined;
}

/**
 * The keys and arguments of `commitFill`.
 *
 * @param mayPark whether the user may put a value down for the script
 */
export function commitCall(keys: KeySpace, commit: FillCommit, mayPark: boolean): CommitCall {
  const { tenant, module, entryKey, fenceKeys, fences, lease, expected, value } = commit;
  const valueBytes = value.reduce((sum, { length }) => sum + length, 0);
  const parked =
    mayPark && valueBytes > MAX_INLINE_BYTES
      ? { key: keys.parked(tenant, randomToken()), ttlMs: PARKED_MS }
      : undefined;
  const generation = generationOf(fences);
  const books = [keys.index(tenant, module, generation), keys.generations(tenant), keys.ledger(tenant)];
  return {
    keys: [entryKey, ...books, ...fenceKeys, ...(lease ? [lease.key] : []), ...(parked ? [parked.key] : [])],
    value,
    valueBytes,
    parked,
    args: [
      fenceKeys.length,
      Math.ceil(commit.ttlMs),
      commit.maxEntries,
      commit.fenceTtlMs,
      lease?.holder ?? "",
      `${module}:${generation}`,
      expected === undefined ? "" : sha1(expected),
      commit.maxTenantBytes ?? "",
      keys.indexes(tenant),
      valueBytes,
      ...fences,
    ],
  };
}

/** How many the script returns. */
export const COMMIT_VALUES = 4;

/** Calls the script by the store's own connection. */
export async function commitAt(link: ServerLink, call: CommitCall): Promise<readonly (number | string)[]> {
  const { keys, args, parked } = call;
  const [first] = call.value;
  const value = call.value.length === 1 && first ? first : Buffer.concat(call.value);
  const reply = parked
    ? link.script("commitFill", keys, args, { ...parked, value })
    : link.script("commitFill", keys, [...args, value]);
  return (await reply) as readonly (number | string)[];
}

export function commitResult([code, evicted, recount]: readonly (number | string)[]): CommitResult {
  return {
    outcome: OUTCOMES[Number(code)] ?? "fenced",
    evicted: Number(evicted),
    recount: Number(recount) === 1,
  };
}

function sha1(value: Buffer | null): string {
  return value === null ? "none" : hash("sha1", value);
}
