// Runs one stage: truth, Redis servers, backends, clients and faults, until enough has been read.
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { READ_LEASE_MS } from "../src/store/read-lease.js";
import { BackendPool } from "./checked-pool.js";
import { machineNowMs } from "./clock.js";
import { type Explained, Explainer } from "./explainer.js";
import type { FaultName, Faults } from "./faults.js";
import { Judge, type Violation } from "./judge.js";
import { type FaultRecord, Nemesis } from "./nemesis.js";
import type { Protection } from "./protections.js";
import type { Stage } from "./stages.js";
import { Timeline } from "./timeline.js";
import { connectTruth } from "./truth.js";
import { type Counts, Workload } from "./workload.js";

export interface StageOptions {
  readonly seed: number;
  readonly processes: number;
  readonly clients: number;
  /** Part of the operations that are writes. */
  readonly writeShare: number;
  /** Default: as many as the workload has. */
  readonly tenants?: number;
  /** Only these. Default: all that the stage has. */
  readonly faults?: readonly FaultName[];
  /** Mean pause between faults, milliseconds. */
  readonly faultPauseMs: number;
  /** Ends when so many reads have been judged */
  readonly reads: number;
  /** and so many faults have been recovered from (default 0), */
  readonly faultsDone?: number;
  /** or after so long, seconds, */
  readonly seconds: number;
  /** or with the first violation. */
  readonly stopAtViolation: boolean;
  readonly without?: Protection;
  /** Of the backends' caches, milliseconds. Default: the library's. */
  readonly budgetMs?: number;
  /** Whose client the backends pass, instead of options of ioredis. Of one server: without Sentinel. */
  readonly client?: "node-redis";
  /** Called about once a second with the reads judged so far. */
  readonly onProgress?: (reads: number) => void;
}

export interface StageReport {
  readonly stage: Stage;
  readonly without: Protection | undefined;
  readonly seconds: number;
  readonly counts: Counts;
  /** In the order in which they were done. */
  readonly faults: readonly FaultRecord[];
  readonly judged: number;
  readonly contested: number;
  readonly excused: number;
  readonly longestExcusedMs: number;
  readonly violations: number;
  /** The first of them, each with what happened around it. */
  readonly explained: readonly Explained[];
  /** When the clients began, on the clock of `machineNowMs`. */
  readonly startedAtMs: number;
}

const TRUTH_PROGRAM = fileURLToPath(new URL("./truth-process.js", import.meta.url));
const LOOK_EVERY_MS = 100;
const PROGRESS_EVERY_MS = 1000;

export async function runStage(stage: Stage, options: StageOptions): Promise<StageReport> {
  const cleanUps: (() => unknown)[] = [];
  try {
    return await run(stage, options, (cleanUp) => cleanUps.unshift(cleanUp));
  } finally {
    for (const cleanUp of cleanUps) await cleanUp();
  }
}

async function run(
  stage: Stage,
  options: StageOptions,
  onEnd: (cleanUp: () => unknown) => void,
): Promise<StageReport> {
  const { seed, processes, without, budgetMs, client } = options;
  const truthServer = await startTruth();
  onEnd(() => truthServer.child.kill("SIGKILL"));
  const truth = await connectTruth(truthServer.port);
  onEnd(() => truth.close());
  const timeline = new Timeline();
  const topology = await stage.startTopology(without, timeline);
  onEnd(() => topology.stop());
  const explainer = new Explainer(timeline, topology.servers, (tenant, sinceMs) =>
    pool.recordsOf(tenant, sinceMs),
  );
  const isExcused = (violation: Violation) => explainer.isExcused(violation);
  const judge = new Judge(stage.strict, topology.servers, isExcused, stage.leased ? READ_LEASE_MS : 0);
  const configs = Array.from({ length: processes }, (_, index) => ({
    seed,
    truthPort: truthServer.port,
    redis: topology.redisFor(index),
    proxies: topology.proxies,
    guarded: stage.guarded,
    leased: stage.leased === true,
    ...(without && { without }),
    ...(client && { client }),
    ...(budgetMs !== undefined && { budgetMs }),
  }));
  const pool = new BackendPool(configs, {
    recovered: (process, epoch) => judge.recovered(process, epoch),
    noted: (process, what, atMs) => timeline.note(`${process}: ${what}`, atMs),
  });
  onEnd(() => pool.stop());
  await pool.start();

  const workload = new Workload(pool, truth, judge, options);
  const startedAtMs = machineNowMs();
  workload.start();
  const faults = faultsOf(stage, topology.faults, pool, workload, options.faults);
  const nemesis = new Nemesis(faults, pool, workload, timeline, {
    seed,
    pauseMs: options.faultPauseMs,
  });
  onEnd(() => nemesis.stop());
  nemesis.start();
  let tellAtMs = startedAtMs;
  const hasFailed = () => nemesis.failure !== undefined || workload.failure !== undefined;
  while (!isOver(judge, nemesis.done, options, startedAtMs) && !hasFailed()) {
    await delay(LOOK_EVERY_MS);
    if (machineNowMs() < tellAtMs) continue;
    tellAtMs += PROGRESS_EVERY_MS;
    options.onProgress?.(judge.judged);
  }
  await nemesis.stop();
  await workload.stop();
  await judge.settled();
  if (nemesis.failure) throw nemesis.failure;
  const { judged, contested, excused, longestExcusedMs, violations } = judge;
  return {
    stage,
    without,
    seconds: (machineNowMs() - startedAtMs) / 1000,
    counts: workload.counts,
    faults: nemesis.log,
    judged,
    contested,
    excused,
    longestExcusedMs,
    violations,
    explained: explainer.explained,
    startedAtMs,
  };
}

function isOver(
  judge: Judge,
  done: number,
  { reads, faultsDone = 0, seconds, stopAtViolation }: StageOptions,
  startedAtMs: number,
): boolean {
  if (stopAtViolation && judge.violations > 0) return true;
  if (machineNowMs() - startedAtMs >= seconds * 1000) return true;
  return judge.judged >= reads && done >= faultsDone;
}

function faultsOf(
  stage: Stage,
  ofTopology: Faults,
  pool: BackendPool,
  workload: Workload,
  only: readonly FaultName[] | undefined,
): Faults {
  const all: Faults = {
    ...ofTopology,
    "kill-backend": (random) => pool.kill(random),
    ...(stage.leased && { "pause-backend": (random) => pool.pause(random) }),
    ...(stage.strict && { "crash-writer": () => workload.crashNextWriter() }),
  };
  if (!only) return all;
  return Object.fromEntries(Object.entries(all).filter(([name]) => only.includes(name as FaultName)));
}

async function startTruth(): Promise<{ child: ChildProcess; port: number }> {
  const child = fork(TRUTH_PROGRAM);
  const [{ port }] = (await once(child, "message")) as [{ port: number }];
  return { child, port };
}
