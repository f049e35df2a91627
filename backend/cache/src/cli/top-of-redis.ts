// `top` of a Redis: memory, commands, evictions and invalidations by the second, and which tenants hold most.
// Tests: test/integration/cli-live.test.ts
import { printable } from "../printable.js";
import { messageOf } from "../store/redis/error-messages.js";
import { reportServer } from "../store/redis/redis-report.js";
import type { ServerReport } from "../store/store-report.js";
import { monotonicNow } from "../timers.js";
import { CauseFollower } from "./cause-follower.js";
import { originText, partsText } from "./cause-line.js";
import type { Context } from "./context.js";
import { EXIT, type ExitCode, refused } from "./exit-codes.js";
import { onRedis } from "./on-redis.js";
import { bytesText, countText, percentText, rateText } from "./quantities-text.js";
import { isForbidden, type RedisAccess } from "./redis-access.js";
import type { RedisTarget } from "./redis-target.js";
import { readStored, type StoredOfAll } from "./stats-of-redis.js";
import { showTop, type TopOptions, type TopSample } from "./top-view.js";

/** A walk through the keys is not for each second. */
const STORED_EACH_MS = 5000;
const MOST_TENANTS = 1000;
const RECENT_CAUSES = 100;
const RECENT_MS = 60_000;
const COUNTED = [
  "commandsProcessed",
  "keyspaceHits",
  "keyspaceMisses",
  "evictedKeys",
  "expiredKeys",
] as const;
type Counted = Record<(typeof COUNTED)[number], number>;

export async function runTopOfRedis(
  context: Context,
  target: RedisTarget,
  options: TopOptions,
): Promise<ExitCode> {
  const work = async (access: RedisAccess): Promise<ExitCode> => {
    const sampler = new RedisSampler(access, target);
    await sampler.begin();
    await showTop(context, options, () => sampler.sample());
    return EXIT.done;
  };
  return onRedis(context, target, work, true);
}

class RedisSampler {
  readonly #access: RedisAccess;
  readonly #target: RedisTarget;
  readonly #follower: CauseFollower;
  readonly #lacking = new Set<string>();
  #before: { readonly counts: Counted; readonly atMs: number } | undefined;
  #stored: StoredOfAll | undefined;
  #storedAtMs = Number.NEGATIVE_INFINITY;
  #causes: Awaited<ReturnType<CauseFollower["next"]>> = [];

  constructor(access: RedisAccess, target: RedisTarget) {
    this.#access = access;
    this.#target = target;
    this.#follower = new CauseFollower(access);
  }

  async begin(): Promise<void> {
    this.#causes = (await this.#allowed("causes", () => this.#follower.begin(RECENT_CAUSES))) ?? [];
  }

  async sample(): Promise<TopSample> {
    const server = await this.#allowed("server", () => reportServer(this.#access.client));
    const causes = (await this.#allowed("causes", () => this.#follower.next())) ?? [];
    if (monotonicNow() - this.#storedAtMs > STORED_EACH_MS) {
      this.#stored = await this.#allowed("tenants", () => readStored(this.#access, MOST_TENANTS));
      this.#storedAtMs = monotonicNow();
    }
    if (this.#lacking.size === 3)
      throw refused(
        `${this.#target.name} shows this user nothing: express-tenant-cache doctor tells what is missing`,
      );
    const nowMs = Date.now();
    this.#causes = [...this.#causes, ...causes]
      .filter(({ atMs }) => atMs > nowMs - RECENT_MS)
      .slice(-RECENT_CAUSES);
    const { rates, seconds } = this.#rates(server);
    return this.#shown(server, rates, seconds, causes.length);
  }

  /** What this user may not see stays empty: which right it needs is in the title. */
  async #allowed<T>(what: string, read: () => Promise<T>): Promise<T | undefined> {
    if (this.#lacking.has(what)) return undefined;
    try {
      return await read();
    } catch (error) {
      if (!isForbidden(messageOf(error))) throw error;
      this.#lacking.add(what);
      return undefined;
    }
  }

  #rates(server: ServerReport | undefined): { rates: Counted | undefined; seconds: number | undefined } {
    if (!server) return { rates: undefined, seconds: undefined };
    const atMs = monotonicNow();
    const counts = Object.fromEntries(COUNTED.map((name) => [name, server[name] ?? 0])) as Counted;
    const before = this.#before;
    this.#before = { counts, atMs };
    if (!before) return { rates: undefined, seconds: undefined };
    const seconds = (atMs - before.atMs) / 1000;
    // A server that has started anew counts from 0.
    const rate = (name: keyof Counted) => Math.max(0, counts[name] - before.counts[name]) / seconds;
    return { rates: Object.fromEntries(COUNTED.map((name) => [name, rate(name)])) as Counted, seconds };
  }

  #shown(
    server: ServerReport | undefined,
    rates: Counted | undefined,
    seconds: number | undefined,
    invalidated: number,
  ): TopSample {
    const { usedMemoryBytes: used = null, maxMemoryBytes: most = null } = server ?? {};
    const share = used !== null && most ? used / most : null;
    const asked = rates ? rates.keyspaceHits + rates.keyspaceMisses : 0;
    const found = rates && asked > 0 ? rates.keyspaceHits / asked : null;
    const invalidations = seconds === undefined ? null : invalidated / seconds;
    const tenants = [...(this.#stored?.tenants ?? [])]
      .filter(({ entries }) => entries > 0)
      .sort((one, other) => other.bytes - one.bytes);
    const { name, prefix } = this.#target;
    const lacking =
      this.#lacking.size === 0 ? "" : ` (not allowed: ${[...this.#lacking].join(", ")}; doctor says why)`;
    return {
      title: `${name}${prefix === "" ? "" : `, prefix ${prefix}`}${lacking}`,
      value: {
        at: new Date().toISOString(),
        seconds: seconds ?? null,
        commandsPerSecond: rates?.commandsProcessed ?? null,
        keyspaceHitRatio: found,
        evictedPerSecond: rates?.evictedKeys ?? null,
        expiredPerSecond: rates?.expiredKeys ?? null,
        invalidationsPerSecond: this.#lacking.has("causes") ? null : invalidations,
        usedMemoryBytes: used,
        maxMemoryBytes: most,
        keys: server?.keys ?? null,
        connectedClients: server?.connectedClients ?? null,
        tenants: tenants.slice(0, 20).map(({ tenant, entries, bytes }) => ({ tenant, entries, bytes })),
      },
      figures: [
        {
          label: "memory",
          text: share === null ? bytesText(used) : `${bytesText(used)} (${percentText(share)})`,
          isBad: (share ?? 0) > 0.9,
        },
        { label: "commands/s", text: rateText(rates?.commandsProcessed) },
        { label: "keys found", text: percentText(found) },
        { label: "invalidations/s", text: rateText(invalidations) },
        { label: "evicted/s", text: rateText(rates?.evictedKeys), isBad: (rates?.evictedKeys ?? 0) > 0 },
        { label: "expired/s", text: rateText(rates?.expiredKeys) },
        { label: "keys", text: countText(server?.keys) },
        { label: "clients", text: countText(server?.connectedClients) },
      ],
      tables: [
        {
          columns: [
            { title: "tenant", mayCut: true },
            { title: "entries", isFigure: true },
            { title: "bytes", isFigure: true },
            { title: "most in", mayCut: true, mayDrop: true },
          ],
          rows: tenants.map(({ tenant, entries, bytes, modules }) => [
            printable(tenant),
            countText(entries),
            bytesText(bytes),
            [...modules]
              .sort((one, other) => other.bytes - one.bytes)
              .slice(0, 3)
              .map(({ module }) => printable(module))
              .join(", "),
          ]),
        },
        {
          columns: [
            { title: "invalidated" },
            { title: "tenant", mayCut: true },
            { title: "what", mayCut: true },
            { title: "by", mayCut: true, mayDrop: true },
          ],
          rows: [...this.#causes]
            .reverse()
            .map((cause) => [
              new Date(cause.atMs).toISOString().slice(11, 19),
              printable(cause.tenant),
              partsText(cause),
              originText(cause),
            ]),
        },
      ],
    };
  }
}
