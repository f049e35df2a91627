// Storing an entry: what its script is called with, and what its reply means.
// Tests: test/contract/redis-store.test.ts
import { hash } from "node:crypto";
import { generationOf } from "../fence-token.js";
import type { KeySpace } from "../key-space.js";
import type { CommitOutcome, CommitResult, FillCommit } from "../store.js";

/** In the order of what the script returns. */
const OUTCOMES: readonly CommitOutcome[] = ["fenced", "stored", "too-large", "no-room"];

/** The keys and arguments of `etcCommitFill`. */
export function commitCall(
  keys: KeySpace,
  commit: FillCommit,
): { readonly keys: string[]; readonly args: (string | number | Buffer)[] } {
  const { tenant, module, entryKey, fenceKeys, fences, lease, expected } = commit;
  const generation = generationOf(fences);
  const books = [keys.index(tenant, module, generation), keys.generations(tenant), keys.ledger(tenant)];
  return {
    keys: [entryKey, ...books, ...fenceKeys, ...(lease ? [lease.key] : [])],
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
      ...fences,
      commit.value.length === 1 ? (commit.value[0] as Buffer) : Buffer.concat(commit.value),
    ],
  };
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
