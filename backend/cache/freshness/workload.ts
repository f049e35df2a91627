// The clients: random reads and writes over all backends, and reads right behind each answered write.
import { setTimeout as delay, setImmediate as nextTurn } from "node:timers/promises";
import { type HttpAnswer, NoAnswer } from "../../servers/exchange.js";
import type { Backend, BackendPool } from "./checked-pool.js";
import {
  CRASH_HEADER,
  FILLED_HEADER,
  type ListBody,
  REACHED_HEADER,
  RECORD_HEADER,
  TENANT_HEADER,
  type WriteRecord,
} from "./checked-protocol.js";
import { machineNowMs } from "./clock.js";
import type { FaultWork } from "./faults.js";
import type { Filled, Judge } from "./judge.js";
import { between, pick, type Random, seededRandom } from "./random.js";
import { changedBy, type ListRoute, type Routes, randomRoutes, shownBy, type WriteRoute } from "./routes.js";
import type { Truth } from "./truth.js";

const TENANTS = 24;
/** Some tenants are busier than others, so that writes meet reads. */
const TENANT_SKEW = 2;
const PAGES = 2;
const READS_BEHIND_A_WRITE = 4;
/** Part of the reads that send If-None-Match, where the client has a copy. */
const REVALIDATING_SHARE = 0.3;
const COMPRESSED_SHARE = 0.5;
const LOOK_EVERY_MS = 20;

export interface WorkloadOptions {
  readonly seed: number;
  readonly clients: number;
  /** Part of the operations that are writes. */
  readonly writeShare: number;
  /** Fewer: the same lists are read more often. Default 24. */
  readonly tenants?: number;
}

/** What the clients did. */
export interface Counts {
  reads: number;
  hits: number;
  /** Past their TTL but not overtaken by any change, served while they were refreshed. */
  stale: number;
  collapsed: number;
  /** Answered with 304: the client's own copy is judged. */
  notModified: number;
  bypassed: number;
  writes: number;
  deferred: number;
  refused: number;
  /** Cut off by the death of a backend. */
  lost: number;
  /** Answered with another status than the handler's, or not at all by a backend that lives. */
  failed: number;
}

interface Copy {
  readonly etag: string;
  readonly body: string;
  readonly filled: Filled;
}

export class Workload implements FaultWork {
  readonly counts: Counts = {
    reads: 0,
    hits: 0,
    stale: 0,
    collapsed: 0,
    notModified: 0,
    bypassed: 0,
    writes: 0,
    deferred: 0,
    refused: 0,
    lost: 0,
    failed: 0,
  };
  readonly #pool: BackendPool;
  readonly #truth: Truth;
  readonly #judge: Judge;
  readonly #options: WorkloadOptions;
  readonly #routes: Routes;
  readonly #tenants: readonly string[];
  /** Why a client has ended, if one has: what it met was not expected of anybody. */
  failure: unknown;
  #running: Promise<unknown> = Promise.resolve();
  #stopping = false;
  readonly #crashes: (() => void)[] = [];
  /** What clients keep of their latest answers, as browsers do. */
  readonly #copies = new Map<string, Copy>();

  constructor(pool: BackendPool, truth: Truth, judge: Judge, options: WorkloadOptions) {
    this.#pool = pool;
    this.#truth = truth;
    this.#judge = judge;
    this.#options = options;
    this.#routes = randomRoutes(options.seed);
    this.#tenants = Array.from({ length: options.tenants ?? TENANTS }, (_, index) => `tenant-${index}`);
  }

  start(): void {
    const clients = Array.from({ length: this.#options.clients }, (_, index) =>
      this.#client(seededRandom(this.#options.seed + index + 1)),
    );
    this.#running = Promise.all(clients);
    // Awaited by `stop`; until then a failure must not count as unhandled.
    this.#running.catch((error: unknown) => {
      this.failure = error;
    });
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#running;
  }

  async written(writes: number): Promise<void> {
    const enough = this.counts.writes + writes;
    while (this.counts.writes < enough && !this.#stopping) await delay(LOOK_EVERY_MS);
  }

  /** Has the next write's backend die between commit and invalidation; resolves when it has. */
  crashNextWriter(): Promise<void> {
    return new Promise((resolve) => this.#crashes.push(resolve));
  }

  async #client(random: Random): Promise<void> {
    while (!this.#stopping) {
      // All backends may be dead for a moment.
      if (this.#pool.alive.length === 0) await nextTurn();
      else if (random() < this.#options.writeShare) await this.#writeAndLook(random);
      else
        await this.#read(random, pick(random, this.#tenants, TENANT_SKEW), pick(random, this.#routes.lists));
    }
  }

  async #writeAndLook(random: Random): Promise<void> {
    const tenant = pick(random, this.#tenants, TENANT_SKEW);
    const write = pick(random, this.#routes.writes);
    await this.#write(random, tenant, write);
    const changed = changedBy(write);
    const lists = this.#routes.lists.filter((list) => shownBy(list).some((name) => changed.includes(name)));
    // At once and together: through other processes, before they could have heard of the write by chance.
    await Promise.all(
      Array.from({ length: READS_BEHIND_A_WRITE }, () => this.#read(random, tenant, pick(random, lists))),
    );
  }

  async #read(random: Random, tenant: string, list: ListRoute): Promise<void> {
    const backend = this.#backend(random);
    if (!backend) return;
    const url = `${list.path}?page=${between(random, 1, PAGES)}`;
    const expected = this.#judge.expect(tenant, url, shownBy(list), backend.name, machineNowMs());
    const copy = random() < REVALIDATING_SHARE ? this.#copies.get(`${tenant} ${url}`) : undefined;
    const answer = await this.#send(backend, "GET", url, {
      [TENANT_HEADER]: tenant,
      ...(copy && { "if-none-match": copy.etag }),
      ...(random() < COMPRESSED_SHARE && { "accept-encoding": "br, gzip" }),
    });
    if (!answer) return;
    const filled = answer.status === 304 ? copy?.filled : filledOf(answer);
    const shown = answer.status === 304 ? copy?.body : answer.body;
    if (shown === undefined || !filled || (answer.status !== 200 && answer.status !== 304)) {
      this.counts.failed++;
      return;
    }
    const cacheStatus = String(answer.headers["cache-status"] ?? "");
    this.#count(answer.status, cacheStatus);
    this.#judge.judge(expected, {
      body: JSON.parse(shown) as ListBody,
      cacheStatus,
      filled,
      reachedAtMs: Number(answer.headers[REACHED_HEADER] ?? 0),
      atMs: machineNowMs(),
    });
    const { etag } = answer.headers;
    if (etag !== undefined && answer.status === 200)
      this.#copies.set(`${tenant} ${url}`, { etag, body: shown, filled });
  }

  #count(status: number, cacheStatus: string): void {
    this.counts.reads++;
    if (status === 304) this.counts.notModified++;
    if (cacheStatus.includes("; hit")) this.counts.hits++;
    if (cacheStatus.includes("; hit; ttl=-")) this.counts.stale++;
    if (cacheStatus.includes("; collapsed")) this.counts.collapsed++;
    if (cacheStatus.includes("fwd=bypass")) this.counts.bypassed++;
  }

  async #write(random: Random, tenant: string, route: WriteRoute): Promise<void> {
    const backend = this.#backend(random);
    if (!backend) return;
    const changed = changedBy(route);
    const crashed = this.#crashes.shift();
    const headers = { [TENANT_HEADER]: tenant, ...(crashed && { [CRASH_HEADER]: "1" }) };
    const sentAtMs = machineNowMs();
    const answer = await this.#send(backend, "POST", route.path, headers);
    const write = { process: backend.name, sentAtMs, answeredAtMs: machineNowMs() };
    if (!answer) {
      // The writer may have committed before it died: what the truth says now has been committed.
      const versions = await this.#truth.read(tenant, changed);
      this.#judge.writerDied(tenant, changed, versions, { ...write, answeredAtMs: machineNowMs() });
    } else if (answer.status === 201) {
      const record = JSON.parse(String(answer.headers[RECORD_HEADER])) as WriteRecord;
      this.counts.writes++;
      if (record.isDeferred) this.counts.deferred++;
      this.#judge.acknowledge(JSON.parse(answer.body) as ListBody, { ...write, record });
    } else if (answer.status === 503) this.counts.refused++;
    else this.counts.failed++;
    // A refused or lost one has not crashed anything by our order.
    if (crashed && answer) this.#crashes.unshift(crashed);
    else crashed?.();
  }

  async #send(
    backend: Backend,
    method: "GET" | "POST",
    path: string,
    headers: Record<string, string>,
  ): Promise<HttpAnswer | undefined> {
    try {
      return await backend.send(method, path, headers);
    } catch (error) {
      if (error instanceof NoAnswer) this.counts.failed++;
      else this.counts.lost++;
      return undefined;
    }
  }

  #backend(random: Random): Backend | undefined {
    const { alive } = this.#pool;
    return alive.length === 0 ? undefined : pick(random, alive);
  }
}

function filledOf({ headers }: HttpAnswer): Filled {
  const [process = "?", fromMs, toMs] = String(headers[FILLED_HEADER] ?? "?").split(" ");
  return { process, fromMs: Number(fromMs), toMs: Number(toMs) };
}
