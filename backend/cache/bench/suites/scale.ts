// Scale: ten thousand tenants, millions of entries, several processes and a Cluster that evicts, for as long as flags say.
import { loadavg } from "node:os";
import type { Bench } from "../bench.js";
import type { SuiteReport, Table } from "../report.js";
import {
  connectionsCurve,
  entriesCurve,
  processesCurve,
  tenantsCurve,
  writesCurve,
} from "../scale/curves.js";
import { Judge } from "../scale/judge.js";
import { curveTables, windowTable } from "../scale/tables.js";
import { verdictsOn } from "../scale/verdicts.js";
import { type Window, watch } from "../scale/watch.js";
import { World } from "../scale/world.js";
import { Population } from "../scale-population.js";
import { scaleTerms } from "../scale-terms.js";

const CURVE_SECONDS = { quick: 5, full: 20 };
const LEAST_CURVE_SECONDS = 0.5;
const MB = 1024 * 1024;

export async function scale(bench: Bench): Promise<SuiteReport> {
  const { quick } = bench.options;
  const terms = scaleTerms(quick, bench.options.scale);
  // A run of seconds has points of less than that.
  const seconds = Math.min(
    CURVE_SECONDS[quick ? "quick" : "full"],
    Math.max(LEAST_CURVE_SECONDS, terms.minutes * 6),
  );
  const world = await World.start(terms, bench.cores);
  bench.onEnd(() => world.stop());
  const population = new Population(terms.tenants);
  const judge = new Judge();
  const entries = await entriesCurve(world, population, judge, seconds);
  const windows = await watch(world, population, judge, tell);
  const verdicts = verdictsOn(world, windows, judge);
  const curves = {
    entries,
    connections: await connectionsCurve(world, population, judge, seconds),
    processes: await processesCurve(world, population, judge, seconds),
    writes: await writesCurve(world, population, judge, seconds),
    tenants: await tenantsCurve(world),
  };
  await world.stop();
  const { entries: count, tenants, processes, minutes, maxMemoryMb, perSecond } = terms;
  const what = `${count.toLocaleString("en")} entries of ${tenants.toLocaleString("en")} tenants, ${processes} processes, 6 nodes of ${maxMemoryMb} MB together, ${minutes} minutes of ${perSecond} requests a second`;
  const tables: Table[] = [windowTable(what, windows), ...curveTables(curves)];
  const broken = verdicts.filter(({ reached }) => !reached);
  return {
    suite: "scale",
    tables,
    verdicts,
    failures: [
      ...broken.map(({ path, floor, figure }) => `scale: ${path}: ${figure}, ${floor}`),
      ...(judge.wrong > 0 ? judge.faults : []),
    ],
    rounds: {
      terms,
      windows,
      curves,
      judged: { right: judge.right, wrong: judge.wrong, faults: judge.faults },
    },
  };
}

function tell({ load, redis, sweeps }: Window, index: number): void {
  console.log(
    `window ${index + 1}: hits' p99 ${load.hitP99Ms.toFixed(1)} ms, ${Math.round(redis.usedBytes / MB)} MB in Redis, ` +
      `${redis.evictedKeys} evicted, ${sweeps.pendingSweeps} sweeps wait, load average ${loadavg()[0]?.toFixed(1)}`,
  );
}
