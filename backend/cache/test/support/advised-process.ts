// A process with an advisor alone: what ten thousand tenants leave in it, and what a request costs it.

import { Advisor } from "../../src/advice/advisor.js";
import type { RouteFigures } from "../../src/advice/route-figures.js";
import { mixed } from "../../src/advice/text-hash.js";

export interface AdvisedProcess {
  /** Of the heap and outside of it, once all that is not kept is collected. */
  readonly retainedBytes: number;
  /** What the advisor says of itself. */
  readonly saidBytes: number;
  readonly tenants: number;
  /** Processor time of one request, microseconds. */
  readonly cpuMicroseconds: number;
}

const TENANTS = 10_000;
const REQUESTS = 2_000_000;

async function held(): Promise<number> {
  for (let time = 0; time < 4; time++) {
    globalThis.gc?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** A request a tenth of a millisecond: ten thousand in a second. */
function flood(advisor: Advisor, figures: readonly RouteFigures[], requests: number, pass: () => void): void {
  for (let n = 0; n < requests; n++) {
    pass();
    const random = mixed(n);
    const rank = Math.floor(TENANTS * (random / 2 ** 32) ** 4);
    const tenant = `tenant-${rank}`;
    const key = mixed(random) % 400;
    const entry = {
      tenant,
      figures: figures[key % figures.length],
      fenceKeys: [`fence:${tenant}`, `fence:${tenant}:m`, `fence:${tenant}:key:${key}`],
      sample: mixed(rank * 1000 + key) >>> 1,
    };
    advisor.asked(entry);
    if (n % 5 === 0)
      advisor.answered(entry, { durationMs: 2, bytes: key * 10, ttlSeconds: 60, identity: `"${random}"` });
    if (n % 1000 === 0) advisor.invalidated(tenant, [`fence:${tenant}:key:${key}`]);
  }
}

function world(): { advisor: Advisor; figures: readonly RouteFigures[]; pass: () => void } {
  let nowMs = 0;
  const advisor = new Advisor(() => nowMs);
  const figures = Array.from({ length: 70 }, (_, n) => advisor.values(`domain-${n}`));
  const pass = () => {
    nowMs += 0.1;
  };
  return { advisor, figures, pass };
}

let kept: ReturnType<typeof world> | undefined = world();
flood(kept.advisor, kept.figures, REQUESTS, kept.pass);

// Without what making the entries costs.
const bare = world();
const silent = { asked: () => undefined, answered: () => undefined, invalidated: () => undefined };
const costOf = (run: () => void) => {
  const start = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(start);
  return user + system;
};
const withAdvisor = costOf(() => kept && flood(kept.advisor, kept.figures, REQUESTS / 4, kept.pass));
const without = costOf(() => flood(silent as unknown as Advisor, bare.figures, REQUESTS / 4, bare.pass));
const said = { saidBytes: kept.advisor.byteLength, tenants: kept.advisor.tenants.all().length };
// What goes with the advisor is what it has kept. Code and V8's own caches, which grow as it runs, stay.
const withIt = await held();
kept = undefined;
const retainedBytes = withIt - (await held());
process.send?.({
  ...said,
  retainedBytes,
  cpuMicroseconds: (withAdvisor - without) / (REQUESTS / 4),
} satisfies AdvisedProcess);
