// How cost grows: with entries, tenants, processes, connections and writes a second, each at several sizes.
import { setTimeout as delay } from "node:timers/promises";
import { type Population, tenantName } from "../scale-population.js";
import { MODULES } from "../scale-terms.js";
import type { SubjectProcess } from "../start-subject.js";
import type { Delays, Memory } from "../subjects/process-controls.js";
import type { Judge } from "./judge.js";
import { type LoadFigures, saturate, steadyLoad } from "./judged-load.js";
import { type LookedAt, lookAt, type RedisFigures, type SweepFigures, type World } from "./world.js";

export interface EntriesPoint {
  readonly entries: number;
  readonly filledPerSecond: number;
  readonly redis: RedisFigures;
  readonly load: LoadFigures;
  readonly looked: LookedAt;
}

const SHARES = [1 / 100, 1 / 10, 1];
const CONNECTIONS = [1, 32, 256, 1000];
const WRITES = [0, 5, 50, 200];

/** Fills the store, and looks at what it costs on the way. */
export async function entriesCurve(
  world: World,
  population: Population,
  judge: Judge,
  seconds: number,
): Promise<readonly EntriesPoint[]> {
  const points: EntriesPoint[] = [];
  for (const share of SHARES) {
    const entries = Math.round(world.terms.entries * share);
    const startedAtMs = performance.now();
    const stored = await world.fill(entries);
    const filledPerSecond = (stored / (performance.now() - startedAtMs)) * 1000;
    const redis = await world.redis();
    const load = await steadyLoad({ ...common(world, population, judge, seconds), writesPerSecond: 0 });
    // The first process has something to tell by then.
    const looked = await lookAt(world.processes[0] as SubjectProcess);
    points.push({ entries, filledPerSecond, redis, load, looked });
  }
  return points;
}

export interface ConnectionsPoint {
  readonly connections: number;
  readonly load: LoadFigures;
}

export async function connectionsCurve(
  world: World,
  population: Population,
  judge: Judge,
  seconds: number,
): Promise<readonly ConnectionsPoint[]> {
  const points: ConnectionsPoint[] = [];
  for (const connections of CONNECTIONS)
    points.push({
      connections,
      load: await saturate({ ...common(world, population, judge, seconds), connections }),
    });
  return points;
}

export interface ProcessesPoint {
  readonly processes: number;
  readonly load: LoadFigures;
}

/** The same 32 connections, to one process and to more of them. */
export async function processesCurve(
  world: World,
  population: Population,
  judge: Judge,
  seconds: number,
): Promise<readonly ProcessesPoint[]> {
  const points: ProcessesPoint[] = [];
  for (let processes = 1; processes <= world.processes.length; processes *= 2) {
    const target = {
      ...common(world, population, judge, seconds),
      ports: world.ports.slice(0, processes),
    };
    points.push({ processes, load: await saturate({ ...target, connections: 32 }) });
  }
  return points;
}

export interface WritesPoint {
  readonly writesPerSecond: number;
  readonly load: LoadFigures;
  readonly sweeps: SweepFigures;
  readonly sweptPerSecond: number;
  readonly hasWalked: boolean;
}

export async function writesCurve(
  world: World,
  population: Population,
  judge: Judge,
  seconds: number,
): Promise<readonly WritesPoint[]> {
  const points: WritesPoint[] = [];
  for (const writesPerSecond of WRITES) {
    const before = await world.sweeps();
    const load = await steadyLoad({ ...common(world, population, judge, seconds), writesPerSecond });
    const sweeps = await world.sweeps();
    points.push({
      writesPerSecond,
      load,
      sweeps,
      sweptPerSecond: (sweeps.sweptKeys - before.sweptKeys) / seconds,
      hasWalked: (await world.redis()).hasWalked,
    });
  }
  return points;
}

export interface TenantsPoint {
  readonly tenants: number;
  readonly memory: Memory;
  readonly looked: LookedAt;
  readonly delays: Delays;
}

/** Each tenant asks once for each module, of a process of its own: what it then keeps, and what its pages cost. */
export async function tenantsCurve(world: World): Promise<readonly TenantsPoint[]> {
  const points: TenantsPoint[] = [];
  for (const share of SHARES) {
    const tenants = Math.max(1, Math.round(world.terms.tenants * share));
    const app = await world.startApp(`tenants-${tenants}:`);
    try {
      await askOnce(app.port, tenants);
      await app.ask("startDelays");
      const looked = await lookAt(app);
      const delays = await app.ask<Delays>("stopDelays");
      points.push({ tenants, looked, delays, memory: await app.ask<Memory>("memory") });
    } finally {
      await app.stop();
    }
  }
  return points;
}

async function askOnce(port: number, tenants: number): Promise<void> {
  let next = 0;
  const worker = async () => {
    for (let index = next++; index < tenants; index = next++)
      for (const module of MODULES) {
        const headers = { "x-tenant": tenantName(index) };
        const answer = await fetch(`http://127.0.0.1:${port}/${module}/0`, { method: "HEAD", headers });
        await answer.arrayBuffer();
      }
  };
  await Promise.all(Array.from({ length: 8 }, worker));
  // What is stored behind the last of them.
  await delay(100);
}

function common(world: World, population: Population, judge: Judge, seconds: number) {
  return { ports: world.ports, population, judge, seconds, requestsPerSecond: world.terms.perSecond };
}
