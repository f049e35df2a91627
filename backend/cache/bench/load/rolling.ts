// A steady load over several processes, which are replaced one by one under it: as a load balancer does, nothing is sent to one that ends.
import { setTimeout as delay } from "node:timers/promises";
import { Pool } from "undici";
import type { SubjectProcess } from "../start-subject.js";
import { quantile } from "../statistics.js";
import { HOST, type LoadRequest } from "./request.js";

export interface RollingOptions {
  readonly processes: readonly SubjectProcess[];
  /** Starts the one that takes another's place. */
  readonly next: () => Promise<SubjectProcess>;
  /** Sent in turn, again and again. */
  readonly requests: readonly LoadRequest[];
  readonly perSecond: number;
  /** Before each replacement, and after the last one. */
  readonly secondsBetween: number;
}

export interface RollingPhase {
  readonly name: string;
  readonly answers: number;
  readonly hits: number;
  readonly failed: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface RollingLoad {
  readonly phases: readonly RollingPhase[];
}

interface Member {
  readonly process: SubjectProcess;
  readonly pool: Pool;
  readonly pending: Set<Promise<void>>;
}

const TICK_MS = 2;
const CONNECTIONS = 16;

class Phase {
  readonly durationsMs: number[] = [];
  hits = 0;
  failed = 0;

  named(name: string): RollingPhase {
    const { durationsMs, hits, failed } = this;
    return {
      name,
      answers: durationsMs.length,
      hits,
      failed,
      p50Ms: quantile(durationsMs, 0.5),
      p99Ms: quantile(durationsMs, 0.99),
    };
  }
}

export async function rollingLoad(options: RollingOptions): Promise<RollingLoad> {
  const { requests, perSecond, secondsBetween } = options;
  const members = options.processes.map(open);
  const phases: RollingPhase[] = [];
  let phase = new Phase();
  let isOver = false;
  const load = async () => {
    const startedAtMs = performance.now();
    for (let sent = 0; !isOver; await delay(TICK_MS))
      for (; sent < ((performance.now() - startedAtMs) / 1000) * perSecond; sent++)
        send(members[sent % members.length] as Member, requests[sent % requests.length] as LoadRequest);
  };
  const send = (member: Member, request: LoadRequest) => {
    const into = phase;
    const sent = ask(member.pool, request, into).finally(() => member.pending.delete(sent));
    member.pending.add(sent);
  };
  const end = (name: string) => {
    phases.push(phase.named(name));
    phase = new Phase();
  };
  const loaded = load();
  await delay(secondsBetween * 1000);
  end("before");
  for (let replaced = 1; replaced <= options.processes.length; replaced++) {
    members.push(open(await options.next()));
    // There are as many as before, and one.
    const old = members.shift() as Member;
    await Promise.all(old.pending);
    await old.pool.close();
    await old.process.stop();
    await delay(secondsBetween * 1000);
    end(`process ${replaced} replaced`);
  }
  isOver = true;
  await loaded;
  for (const { process, pool, pending } of members) {
    await Promise.all(pending);
    await pool.close();
    await process.stop();
  }
  return { phases };
}

function open(process: SubjectProcess): Member {
  const pool = new Pool(`http://127.0.0.1:${process.port}`, { connections: CONNECTIONS });
  return { process, pool, pending: new Set() };
}

async function ask(pool: Pool, { method, target, headers }: LoadRequest, phase: Phase): Promise<void> {
  const sentAtMs = performance.now();
  try {
    const answer = await pool.request({ method, path: target, headers: { Host: HOST, ...headers } });
    await answer.body.dump();
    if (answer.statusCode !== 200) throw new Error(`status ${answer.statusCode}`);
    if (/;\s*hit/.test(String(answer.headers["cache-status"]))) phase.hits++;
    phase.durationsMs.push(performance.now() - sentAtMs);
  } catch {
    phase.failed++;
  }
}
