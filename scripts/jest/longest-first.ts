// The order of test files: what takes long begins first, or one file would be left at the end for which three workers wait.
// Jest knows how long each has taken where it has run them before; on a fresh clone it goes by their sizes, which say little of tests that wait for servers.
// Tests: test/unit/longest-first.test.ts
import type { Test } from "@jest/reporters";
import JestSequencer from "@jest/test-sequencer";

/** More than half a minute on a quiet machine with two cores, the longest first. Durations that were measured win. */
export const LONGEST = [
  "backend/cache/test/faults/freshness-ablations.test",
  "backend/cache/test/faults/freshness.test",
  "backend/cache/test/faults/freshness-feed.test",
  "backend/test/integration/replay.test",
  "backend/cache/test/package/install.test",
  "backend/cache/test/integration/explain-cases.test",
  "backend/cache/test/package/bundlers.test",
  "backend/cache/test/package/runners.test",
  "backend/cache/test/package/orm-auto.test",
  "backend/test/integration/runner.test",
  "backend/test/faults/warming.test",
  "backend/test/faults/admin.test",
  "backend/test/http/hostile-requests.test",
  "backend/cache/test/contract/node-redis-store.test",
  "backend/test/faults/test-cache.test",
  "backend/test/faults/encryption-rotation.test",
  "backend/test/faults/audit-faults.test",
  "backend/test/faults/sync-kills.test",
  "backend/cache/test/faults/node-redis.test",
  "backend/test/faults/rollout.test",
  "backend/cache/test/integration/retained-memory.test",
  "backend/cache/test/package/quick-start.test",
  "backend/test/faults/redis-topologies.test",
  "backend/cache/test/package/nest.test",
] as const;

// Its types are those of its CommonJS module, and Node loads its ESM one, which has no `default` within its default.
const Sequencer = JestSequencer as unknown as typeof JestSequencer.default;

export default class LongestFirst extends Sequencer {
  override async sort(tests: Test[]): Promise<Test[]> {
    const sorted = await super.sort(tests);
    const rankOf = ({ path, duration }: Test) => {
      const rank = LONGEST.findIndex((name) => path.endsWith(`/dist/${name}.js`));
      return duration !== undefined || rank === -1 ? LONGEST.length : rank;
    };
    return sorted
      .map((test) => ({ test, rank: rankOf(test) }))
      .sort((one, other) => one.rank - other.rank)
      .map(({ test }) => test);
  }
}
