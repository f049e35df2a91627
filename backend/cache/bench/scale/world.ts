// The servers and processes of the suite `scale`, and what they are asked about themselves.
import { Cluster, Redis } from "ioredis";
import { startRedisServer } from "../../../servers/index.js";
import { startRedisCluster } from "../../../servers/redis-cluster.js";
import { KeySpace } from "../../src/store/key-space.js";
import type { Cores } from "../cores.js";
import { tenantName } from "../scale-population.js";
import { MODULES, NODES, type ScaleTerms } from "../scale-terms.js";
import { SubjectProcess } from "../start-subject.js";
import type { Memory } from "../subjects/process-controls.js";

/** Nobody connects there: the app asks no database. */
const NO_DATABASE = "postgres://unused";
const MB = 1024 * 1024;

export interface RedisFigures {
  readonly usedBytes: number;
  readonly evictedKeys: number;
  readonly keys: number;
  readonly scans: number;
  /** Whether a process has walked through all keys in the last hour. */
  readonly hasWalked: boolean;
}

/** Of something that operators look at. */
export interface Looked {
  readonly tookMs: number;
  readonly bytes: number;
}

export interface LookedAt {
  readonly overview: Looked;
  readonly tenants: Looked;
  readonly entries: Looked;
  readonly metrics: Looked;
  readonly stats: { readonly tookMs: number; readonly tenants: number };
}

export interface SweepFigures {
  readonly pendingSweeps: number;
  readonly sweptKeys: number;
}

export class World {
  readonly terms: ScaleTerms;
  readonly maxMemoryBytes: number;
  readonly processes: SubjectProcess[] = [];
  readonly #cores: Cores | undefined;
  readonly #cluster: Awaited<ReturnType<typeof startRedisCluster>>;
  readonly #truth: Awaited<ReturnType<typeof startRedisServer>>;
  readonly #clients: readonly Redis[];
  readonly #client: Cluster;

  static async start(terms: ScaleTerms, cores: Cores | undefined): Promise<World> {
    const nodeMemory = Math.max(1, Math.round(terms.maxMemoryMb / NODES));
    const flags = ["--maxmemory", `${nodeMemory}mb`, "--maxmemory-policy", "allkeys-lru"];
    const [cluster, truth] = await Promise.all([
      startRedisCluster({ masters: NODES, args: flags }),
      startRedisServer({ service: "redis" }),
    ]);
    const world = new World(terms, cores, nodeMemory * NODES * MB, cluster, truth);
    for (let index = 0; index < terms.processes; index++) world.processes.push(await world.startApp());
    return world;
  }

  private constructor(
    terms: ScaleTerms,
    cores: Cores | undefined,
    maxMemoryBytes: number,
    cluster: Awaited<ReturnType<typeof startRedisCluster>>,
    truth: Awaited<ReturnType<typeof startRedisServer>>,
  ) {
    this.terms = terms;
    this.#cores = cores;
    this.maxMemoryBytes = maxMemoryBytes;
    this.#cluster = cluster;
    this.#truth = truth;
    this.#clients = cluster.servers.map(({ url }) => new Redis(url));
    this.#client = new Cluster([...cluster.nodes]);
  }

  get ports(): readonly number[] {
    return this.processes.map(({ port }) => port);
  }

  startApp(keyPrefix = ""): Promise<SubjectProcess> {
    const scale = { cluster: this.#cluster.nodes, keyPrefix, truthUrl: this.#truth.url };
    const config = { program: "scale-app", redisUrl: "", databaseUrl: NO_DATABASE, tenants: 0, scale };
    return SubjectProcess.start(config, this.#cores?.servers);
  }

  /** @param entries in all, from the beginning */
  async fill(entries: number): Promise<number> {
    const { processes, terms } = this;
    const filled = processes.map((process, from) =>
      process.ask<number>("fill", { entries, tenants: terms.tenants, from, of: processes.length }),
    );
    return (await Promise.all(filled)).reduce((sum, stored) => sum + stored, 0);
  }

  async redis(): Promise<RedisFigures> {
    const nodes = await Promise.all(
      this.#clients.map(async (client) => {
        const info = await client.info("everything");
        const field = (name: RegExp) => Number(name.exec(info)?.[1] ?? 0);
        return {
          usedBytes: field(/^used_memory:(\d+)/m),
          evictedKeys: field(/^evicted_keys:(\d+)/m),
          keys: await client.dbsize(),
          scans: field(/^cmdstat_scan:calls=(\d+)/m),
        };
      }),
    );
    const sum = (name: keyof (typeof nodes)[number]) => nodes.reduce((all, node) => all + node[name], 0);
    return {
      usedBytes: sum("usedBytes"),
      evictedKeys: sum("evictedKeys"),
      keys: sum("keys"),
      scans: sum("scans"),
      hasWalked: (await this.#client.exists(new KeySpace("", true).walkRest())) === 1,
    };
  }

  memory(): Promise<readonly Memory[]> {
    return Promise.all(this.processes.map((process) => process.ask<Memory>("memory")));
  }

  async sweeps(): Promise<SweepFigures> {
    const all = await Promise.all(this.processes.map((process) => process.ask<SweepFigures>("health")));
    return {
      pendingSweeps: Math.max(...all.map(({ pendingSweeps }) => pendingSweeps)),
      sweptKeys: all.reduce((sum, { sweptKeys }) => sum + sweptKeys, 0),
    };
  }

  async stop(): Promise<void> {
    await Promise.all(this.processes.map((process) => process.stop()));
    for (const client of [...this.#clients, this.#client]) client.disconnect();
    await Promise.all([this.#cluster.stop(), this.#truth.stop()]);
  }
}

/** One after the other, as a person would. */
export async function lookAt(process: SubjectProcess): Promise<LookedAt> {
  const page = async (path: string): Promise<Looked> => {
    const startedAtMs = performance.now();
    const answer = await fetch(`http://127.0.0.1:${process.port}${path}`);
    const { byteLength } = await answer.arrayBuffer();
    if (!answer.ok) throw new Error(`${path} answered ${answer.status}`);
    return { tookMs: performance.now() - startedAtMs, bytes: byteLength };
  };
  return {
    metrics: await page("/metrics"),
    overview: await page("/ops/cache/"),
    tenants: await page("/ops/cache/tenants"),
    entries: await page(`/ops/cache/entries?tenant=${tenantName(0)}&module=${MODULES[0]}`),
    stats: await process.ask("stats"),
  };
}
