// Load whose every answer is judged: at a steady rate, or as fast as so many connections are answered.
import { setTimeout as delay } from "node:timers/promises";
import { Pool } from "undici";
import type { Place, Population } from "../scale-population.js";
import { quantile } from "../statistics.js";
import type { Judge } from "./judge.js";

export interface LoadFigures {
  readonly answers: number;
  readonly hits: number;
  readonly failed: number;
  readonly perSecond: number;
  /** Of hits, from when they were sent until their end; `NaN` where there were none. */
  readonly hitP50Ms: number;
  readonly hitP99Ms: number;
  readonly missP50Ms: number;
  readonly missP99Ms: number;
  readonly writeP50Ms: number;
  readonly writeP99Ms: number;
}

interface Target {
  readonly ports: readonly number[];
  readonly population: Population;
  readonly judge: Judge;
  readonly seconds: number;
}

const TICK_MS = 2;
/** More that wait are a machine that cannot do so much: they would only measure each other. */
const MAX_PENDING = 2000;

class Figures {
  readonly hitMs: number[] = [];
  readonly missMs: number[] = [];
  readonly writeMs: number[] = [];
  failed = 0;

  of(seconds: number): LoadFigures {
    const answers = this.hitMs.length + this.missMs.length;
    return {
      answers,
      hits: this.hitMs.length,
      failed: this.failed,
      perSecond: answers / seconds,
      hitP50Ms: quantile(this.hitMs, 0.5),
      hitP99Ms: quantile(this.hitMs, 0.99),
      missP50Ms: quantile(this.missMs, 0.5),
      missP99Ms: quantile(this.missMs, 0.99),
      writeP50Ms: quantile(this.writeMs, 0.5),
      writeP99Ms: quantile(this.writeMs, 0.99),
    };
  }
}

/** At a steady rate, whatever is answered: as users send. */
export async function steadyLoad(
  target: Target & { readonly requestsPerSecond: number; readonly writesPerSecond: number },
): Promise<LoadFigures> {
  const { population, judge, seconds, requestsPerSecond, writesPerSecond } = target;
  const pools = openPools(target.ports, 64);
  const figures = new Figures();
  const pending = new Set<Promise<void>>();
  const track = (work: Promise<void>) => {
    pending.add(work);
    void work.finally(() => pending.delete(work));
  };
  const startedAtMs = performance.now();
  let [sent, written] = [0, 0];
  for (let passed = 0; passed < seconds; passed = (performance.now() - startedAtMs) / 1000) {
    for (; sent < passed * requestsPerSecond && pending.size < MAX_PENDING; sent++)
      track(read(poolAt(pools, sent), population.next(), judge, figures));
    for (; written < passed * writesPerSecond && pending.size < MAX_PENDING; written++)
      track(write(poolAt(pools, written), population.next(), judge, figures));
    await delay(TICK_MS);
  }
  await Promise.all(pending);
  await Promise.all(pools.map((pool) => pool.destroy()));
  return figures.of(seconds);
}

/** Each connection sends its next request when the last one has been answered. */
export async function saturate(target: Target & { readonly connections: number }): Promise<LoadFigures> {
  const { population, judge, seconds, connections, ports } = target;
  const pools = openPools(ports, Math.ceil(connections / ports.length));
  const figures = new Figures();
  const endsAtMs = performance.now() + seconds * 1000;
  const worker = async (_: unknown, index: number) => {
    while (performance.now() < endsAtMs) await read(poolAt(pools, index), population.next(), judge, figures);
  };
  await Promise.all(Array.from({ length: connections }, worker));
  await Promise.all(pools.map((pool) => pool.destroy()));
  return figures.of(seconds);
}

function openPools(ports: readonly number[], connections: number): readonly Pool[] {
  return ports.map((port) => new Pool(`http://127.0.0.1:${port}`, { connections }));
}

function poolAt(pools: readonly Pool[], index: number): Pool {
  // There is at least one process.
  return pools[index % pools.length] as Pool;
}

async function read(pool: Pool, place: Place, judge: Judge, figures: Figures): Promise<void> {
  const judged = judge.reads(place);
  const sentAtMs = performance.now();
  try {
    const answer = await pool.request({
      method: "GET",
      path: place.target,
      headers: { "x-tenant": place.tenant },
    });
    const body = Buffer.from(await answer.body.arrayBuffer());
    if (answer.statusCode !== 200) {
      figures.failed++;
      return;
    }
    const isHit = /;\s*hit/.test(String(answer.headers["cache-status"]));
    (isHit ? figures.hitMs : figures.missMs).push(performance.now() - sentAtMs);
    judged(body);
  } catch {
    figures.failed++;
  }
}

async function write(pool: Pool, place: Place, judge: Judge, figures: Figures): Promise<void> {
  const confirmed = judge.writes(place);
  const sentAtMs = performance.now();
  try {
    const answer = await pool.request({
      method: "POST",
      path: `/${place.module}`,
      headers: { "x-tenant": place.tenant },
    });
    const { version } = (await answer.body.json()) as { version: number };
    if (answer.statusCode !== 201) {
      figures.failed++;
      return;
    }
    figures.writeMs.push(performance.now() - sentAtMs);
    confirmed(version);
  } catch {
    figures.failed++;
  }
}
