// Follows the logs of causes on a Redis: what was made stale, of one tenant or of all, as it happens.
// Tests: test/integration/cli-live.test.ts
import { type Cause, decodeCause } from "../engine/cause-text.js";
import { messageOf } from "../store/redis/error-messages.js";
import { escapeGlob } from "../store/redis/glob.js";
import { scanKeys } from "../store/redis/keyspace-scan.js";
import { isForbidden, type RedisAccess } from "./redis-access.js";

/** A page each 50 ms, where `next` is called twice a second. */
const PAGES_A_STEP = 10;
const PAGE_KEYS = 1000;
const STREAMS_A_STEP = 500;
const AT_A_TIME = 50;
/** What one log may have got since it was read: as many as are kept. */
const MOST_OF_A_LOG = 1000;

type StreamEntry = [id: string, fields: string[]];

export class CauseFollower {
  readonly #access: RedisAccess;
  readonly #tenant: string | undefined;
  /** Of each log the id of its newest entry that was read. */
  readonly #logs = new Map<string, { readonly tenant: string; last: string }>();
  /** What a log that appears is read from: the server's time when this began. */
  #begun = "0";
  #scan: { node: number; cursor: string } = { node: 0, cursor: "0" };
  #turn = 0;

  constructor(access: RedisAccess, tenant?: string) {
    this.#access = access;
    this.#tenant = tenant;
  }

  /** Finds the logs; returns the newest `lines` of what is in them, the oldest first. */
  async begin(lines: number): Promise<Cause[]> {
    this.#begun = `${await this.#nowMs()}-0`;
    if (this.#tenant !== undefined) this.#add(this.#access.keys.causes(this.#tenant), this.#tenant);
    else
      for await (const page of scanKeys(this.#access.client, this.#beginning()))
        for (const key of page) this.#found(key);
    const causes = await this.#read([...this.#logs.keys()], Math.max(1, lines), true);
    return lines === 0 ? [] : causes.slice(-lines);
  }

  /** What has come since, the oldest first. */
  async next(): Promise<Cause[]> {
    if (this.#tenant === undefined) await this.#look();
    const keys = [...this.#logs.keys()];
    const from = keys.length <= STREAMS_A_STEP ? 0 : this.#turn % keys.length;
    this.#turn = from + STREAMS_A_STEP;
    return this.#read(keys.slice(from, from + STREAMS_A_STEP), MOST_OF_A_LOG, false);
  }

  /** By the server's clock, whose time logs count by; by this machine's where that is not told. */
  async #nowMs(): Promise<number> {
    try {
      const [seconds] = (await this.#access.call("time")) as [string];
      return Number(seconds) * 1000;
    } catch (error) {
      if (!isForbidden(messageOf(error))) throw error;
      return Date.now();
    }
  }

  #beginning(): string {
    const key = this.#access.keys.causes("");
    return key.endsWith("{}") ? key.slice(0, -1) : key;
  }

  #found(key: string): void {
    const tenant = key.slice(this.#beginning().length).replace(/\}$/, "");
    if (key === this.#access.keys.causes(tenant)) this.#add(key, tenant);
  }

  #add(key: string, tenant: string): void {
    if (!this.#logs.has(key)) this.#logs.set(key, { tenant, last: "" });
  }

  /** Some pages more of the walk that finds new logs. */
  async #look(): Promise<void> {
    const masters = this.#access.masters();
    for (let page = 0; page < PAGES_A_STEP; page++) {
      const node = masters[this.#scan.node] ?? masters[0];
      if (!node) return;
      const match = `${escapeGlob(this.#beginning())}*`;
      const reply = await node.call("scan", this.#scan.cursor, "match", match, "count", PAGE_KEYS);
      const [cursor, keys] = reply as [string, string[]];
      for (const key of keys) this.#found(key);
      const isDone = String(cursor) === "0";
      const next = isDone ? (this.#scan.node + 1) % masters.length : this.#scan.node;
      this.#scan = { node: next, cursor: String(cursor) };
      if (isDone && next === 0) return;
    }
  }

  async #read(keys: readonly string[], most: number, isFirst: boolean): Promise<Cause[]> {
    const causes: Cause[] = [];
    for (let from = 0; from < keys.length; from += AT_A_TIME) {
      const some = keys.slice(from, from + AT_A_TIME);
      causes.push(...(await Promise.all(some.map((key) => this.#readOne(key, most, isFirst)))).flat());
    }
    return causes.sort((one, other) => one.atMs - other.atMs);
  }

  async #readOne(key: string, most: number, isFirst: boolean): Promise<Cause[]> {
    const log = this.#logs.get(key);
    if (!log) return [];
    const since = log.last === "" ? (isFirst ? "-" : this.#begun) : `(${log.last}`;
    const reply = (await this.#access.call("xrevrange", key, "+", since, "count", most)) as StreamEntry[];
    const [newest] = reply;
    if (newest) log.last = newest[0];
    return reply.flatMap(([, fields]) => {
      const field = (name: string) => fields[fields.indexOf(name) + 1] ?? "";
      return decodeCause(log.tenant, { atMs: Number(field("at")), text: field("cause") }) ?? [];
    });
  }
}
