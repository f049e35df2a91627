// What the suites share: the servers, the subjects' processes, the load, and their end.
import { type RedisServer, startPostgresServer, startRedisServer } from "../../servers/index.js";
import { type Cores, findCores, moveToLoadCore } from "./cores.js";
import { createAccounts } from "./database.js";
import type { GivenTerms } from "./scale-terms.js";
import { SubjectProcess } from "./start-subject.js";
import type { SubjectConfig } from "./subjects/subject.js";
import type { Subject } from "./subjects.js";
import type { Variant } from "./variants.js";
import { TENANTS } from "./workload.js";

const REDIS_FLAGS = ["--maxmemory", "4gb", "--databases", "64"];

export interface BenchOptions {
  /** Small and short: shows that everything works, and the order of magnitude. */
  readonly quick: boolean;
  /** Visits of each subject. */
  readonly rounds: number;
  readonly subjects: readonly Subject[];
  /** Ways in which lists are asked for where a suite looks at them closely. */
  readonly variants: readonly Variant[];
  /** Hot lists that are asked for. */
  readonly lists: number;
  /** How large the suite `scale` is; what is not given is as `scale-terms.ts` says. */
  readonly scale: GivenTerms;
  /** What subjects run under. */
  readonly node: string;
  /** Where subjects leave CPU profiles. */
  readonly profileFolder: string | undefined;
}

export class Bench {
  readonly options: BenchOptions;
  readonly cores: Cores | undefined = findCores();
  readonly #cleanUps: (() => Promise<unknown>)[] = [];
  #redis: Promise<RedisServer> | undefined;
  #databaseUrl: Promise<string> | undefined;
  #redisDatabases = 0;

  constructor(options: BenchOptions) {
    this.options = options;
    if (this.cores) moveToLoadCore(this.cores);
  }

  /** Has a suite's own servers and processes stopped at the end, the latest first. */
  onEnd(cleanUp: () => Promise<unknown>): void {
    this.#cleanUps.unshift(cleanUp);
  }

  /** A Redis server that no other suite uses. */
  async startRedis(): Promise<RedisServer> {
    const redis = await startRedisServer({ args: REDIS_FLAGS });
    this.onEnd(() => redis.stop());
    return redis;
  }

  /** An empty database of the Redis server that the subjects share. */
  async emptyRedisUrl(): Promise<string> {
    this.#redis ??= this.startRedis();
    const { url } = await this.#redis;
    return `${url}/${this.#redisDatabases++}`;
  }

  databaseUrl(): Promise<string> {
    this.#databaseUrl ??= this.#startDatabase();
    return this.#databaseUrl;
  }

  /** Starts a subject alone on its core; ends with the bench. */
  async startSubject(
    subject: Subject,
    config: Partial<SubjectConfig> = {},
    cores: readonly number[] | undefined = this.cores && [this.cores.server],
  ): Promise<SubjectProcess> {
    const { profileFolder, node } = this.options;
    const process = await SubjectProcess.start(
      {
        program: subject.program,
        tenants: TENANTS,
        databaseUrl: await this.databaseUrl(),
        redisUrl: config.redisUrl ?? (await this.emptyRedisUrl()),
        ...(subject.row && { row: subject.row }),
        ...config,
      },
      cores,
      profileFolder === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${profileFolder}`],
      node,
    );
    this.onEnd(() => process.stop());
    return process;
  }

  /** Of the chosen subjects those that a suite is about, and in a quick run fewer. */
  subjectsFor(names: readonly string[], quickNames: readonly string[]): readonly Subject[] {
    const { quick, subjects } = this.options;
    return subjects.filter(({ name }) => (quick ? quickNames : names).includes(name));
  }

  async end(): Promise<void> {
    for (const cleanUp of this.#cleanUps.splice(0)) await cleanUp();
  }

  async #startDatabase(): Promise<string> {
    const { url, stop } = await startPostgresServer();
    this.onEnd(stop);
    await createAccounts(url, Math.ceil(this.options.lists / TENANTS));
    return url;
  }
}
