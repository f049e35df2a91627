// What the facts of a server mean for a cache on it: pure rules, one function each.
// Tests: test/unit/cli-doctor.test.ts
import {
  bytesText,
  counted,
  countText,
  durationText,
  millisecondsText,
  percentText,
} from "../quantities-text.js";
import type { Finding } from "./finding.js";
import type { ServerFacts } from "./server-facts.js";

type Judged = Omit<Finding, "node"> | undefined;

/** The default `budgetMs`. A request may need three round trips. */
const BUDGET_MS = 50;
const SKEWED_MS = 1000;
/** Below it, ratios say more of the allocator than of the server. */
const SMALL_BYTES = 64 * 2 ** 20;
const OLDEST = [6, 2] as const;

const RULES: readonly ((facts: ServerFacts, isClusterUrl: boolean) => Judged)[] = [
  infoIsThere,
  version,
  role,
  identity,
  kindOfServer,
  loading,
  persistence,
  maxmemory,
  policy,
  memory,
  evictions,
  fragmentation,
  clients,
  latency,
  clock,
];

/** @param isClusterUrl whether it was connected to as a node of a Cluster */
export function judgeServer(facts: ServerFacts, isClusterUrl: boolean): Finding[] {
  return RULES.flatMap((rule) => {
    const judged = rule(facts, isClusterUrl);
    return judged ? [{ ...judged, node: facts.address }] : [];
  });
}

function infoIsThere({ infoRefusal }: ServerFacts): Judged {
  if (infoRefusal === undefined) return undefined;
  return {
    id: "info",
    severity: "info",
    says: `INFO is refused: ${infoRefusal}`,
    means: "version, role, memory and policy are not checked here",
    write: "a user here who may, or +info",
  };
}

function version({ info }: ServerFacts): Judged {
  const valkey = info.get("valkey_version");
  const redis = info.get("redis_version");
  if (redis === undefined) return undefined;
  const says = valkey === undefined ? `Redis ${redis}` : `Valkey ${valkey}`;
  const [major = 0, minor = 0] = redis.split(".").map(Number);
  if (major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1]))
    return { id: "version", severity: "ok", says };
  return {
    id: "version",
    severity: "error",
    says: `${says} is older than ${OLDEST.join(".")}`,
    means: "scripts of the cache use what it does not know: the cache does not work on it",
    write: "Redis 6.2 or newer, or Valkey",
  };
}

function role({ info }: ServerFacts): Judged {
  const is = info.get("role");
  if (is === undefined) return undefined;
  if (is === "master") {
    const replicas = number(info, "connected_slaves") ?? 0;
    return { id: "role", severity: "ok", says: `master, ${counted(replicas, "replica")}` };
  }
  const master = `${info.get("master_host")}:${info.get("master_port")}`;
  return {
    id: "role",
    severity: "error",
    says: `a replica of ${master}`,
    means: "it takes no writes, and learns of invalidations late: the cache refuses to use it",
    write: `the URL of the master (${master}), or redis+sentinel:// so that the master is asked for`,
  };
}

function identity({ info, infoRefusal }: ServerFacts): Judged {
  if (infoRefusal !== undefined) return undefined;
  const runId = info.get("run_id");
  if (info.get("master_replid"))
    return { id: "run-id", severity: "ok", says: runId ?? "by its replication id" };
  return {
    id: "run-id",
    severity: "warning",
    says: "INFO says no master_replid",
    means: "each process keeps entries of its own, and loses them when it connects anew",
    write: "a server, or a plan of the service, whose INFO has the section replication",
  };
}

function kindOfServer({ info }: ServerFacts, isClusterUrl: boolean): Judged {
  const isNode = info.get("cluster_enabled") === "1" || info.get("redis_mode") === "cluster";
  if (!isNode || isClusterUrl) return undefined;
  return {
    id: "cluster",
    severity: "error",
    says: "the server is a node of a Redis Cluster, and was connected to as a single one",
    means: "it answers for its own slots alone: the cache refuses to use it so",
    write: "redis+cluster://host:port here, and redis: { cluster: [{ host, port }] } in the app",
  };
}

function loading({ info }: ServerFacts): Judged {
  if (info.get("loading") !== "1") return undefined;
  return {
    id: "loading",
    severity: "error",
    says: "the server is still loading its data",
    means: "it answers nothing until it has: requests go to their handlers",
    write: 'nothing; to start sooner, --save "" --appendonly no: a cache needs no file',
  };
}

function persistence({ info }: ServerFacts): Judged {
  const failed = ["rdb_last_bgsave_status", "aof_last_write_status"].filter(
    (name) => (info.get(name) ?? "ok") !== "ok",
  );
  if (failed.length === 0) return undefined;
  return {
    id: "persistence",
    severity: "error",
    says: `the server could not write to its disk (${failed.join(", ")})`,
    means: "it refuses changes with MISCONF: invalidations wait, and requests go to their handlers",
    write: 'make room on its disk; a cache needs no file: CONFIG SET save "" and CONFIG SET appendonly no',
  };
}

function maxmemory({ info }: ServerFacts): Judged {
  const most = number(info, "maxmemory");
  if (most === undefined) return undefined;
  if (most > 0) return { id: "maxmemory", severity: "ok", says: bytesText(most) };
  return {
    id: "maxmemory",
    severity: "warning",
    says: "no bound",
    means: "the server grows until the system ends it, and all that is in it is gone at once",
    write:
      "maxmemory 512mb in redis.conf (CONFIG SET maxmemory 512mb until the next start), as much as the machine can spare",
  };
}

function policy({ info }: ServerFacts): Judged {
  const is = info.get("maxmemory_policy");
  if (is === undefined) return undefined;
  const good = { id: "maxmemory-policy", severity: "ok", says: is } as const;
  const write = "maxmemory-policy allkeys-lru (CONFIG SET maxmemory-policy allkeys-lru until the next start)";
  if (is === "noeviction")
    return {
      id: "maxmemory-policy",
      severity: "warning",
      says: is,
      means: "once the server is full, what is there is served and nothing new is stored",
      write: `${write}, where the server holds nothing that must not be evicted`,
    };
  if (is === "allkeys-lru" || is === "allkeys-lfu") return good;
  return {
    ...good,
    severity: "info",
    means:
      is.endsWith("random") || is.endsWith("ttl")
        ? "what is used most may be evicted first: the hit ratio is lower than it could be"
        : "only keys with a TTL make room. All of the cache's have one; those of others stay",
    write,
  };
}

function memory({ info }: ServerFacts): Judged {
  const [used, most] = [number(info, "used_memory"), number(info, "maxmemory")];
  if (used === undefined) return undefined;
  if (most === undefined || most === 0)
    return { id: "memory", severity: "ok", says: `${bytesText(used)} in use` };
  const share = used / most;
  const says = `${bytesText(used)} of ${bytesText(most)} in use (${percentText(share)}), ${bytesText(Math.max(0, most - used))} left`;
  if (share < 0.8) return { id: "memory", severity: "ok", says };
  const isFull = info.get("maxmemory_policy") === "noeviction";
  return {
    id: "memory",
    severity: isFull && share >= 0.95 ? "error" : "warning",
    says,
    means: isFull
      ? "soon nothing new is stored: this server does not evict"
      : "what was not used for long is evicted, also a fence, whose entries are misses then",
    write: "raise maxmemory, or lower TTLs, maxBytesPerTenant or maxBodyBytes: keys shows who holds most",
  };
}

function evictions({ info }: ServerFacts): Judged {
  const evicted = number(info, "evicted_keys");
  if (!evicted) return undefined;
  const since = durationText(number(info, "uptime_in_seconds"));
  return {
    id: "evictions",
    severity: "info",
    says: `${counted(evicted, "eviction")} in ${since}`,
    means: "they were stored, and missed when they were asked for again: top shows whether it goes on",
    write: "raise maxmemory where it goes on",
  };
}

function fragmentation({ info }: ServerFacts): Judged {
  const [ratio, used] = [number(info, "mem_fragmentation_ratio"), number(info, "used_memory")];
  if (ratio === undefined || used === undefined) return undefined;
  const says = `the system gives it ${ratio.toFixed(2)} times what it uses`;
  if (used < SMALL_BYTES || (ratio <= 1.5 && ratio >= 0.9))
    return { id: "fragmentation", severity: "ok", says };
  return ratio > 1.5
    ? {
        id: "fragmentation",
        severity: "warning",
        says,
        means: "the machine needs more memory than maxmemory says",
        write: "CONFIG SET activedefrag yes, or restart it: a cache may start empty",
      }
    : {
        id: "fragmentation",
        severity: "warning",
        says,
        means: "a part of it is swapped out: the server is slow, and requests go to their handlers",
        write: "lower maxmemory below what the machine has, or give it more",
      };
}

function clients({ info }: ServerFacts): Judged {
  const [connected, most] = [number(info, "connected_clients"), number(info, "maxclients")];
  if (connected === undefined) return undefined;
  const says = `${counted(connected, "client")}${most === undefined ? "" : ` of ${countText(most)}`}`;
  if (most === undefined || connected < 0.8 * most) return { id: "clients", severity: "ok", says };
  return {
    id: "clients",
    severity: "warning",
    says,
    means: "once there is no room, processes that start or connect anew have no cache",
    write: "CONFIG SET maxclients, and find out who connects: each process of this cache has two connections",
  };
}

function latency({ latency: measured }: ServerFacts): Judged {
  if (!measured) return undefined;
  const { p50Ms, p99Ms, samples } = measured;
  const says = `p50 ${millisecondsText(p50Ms)}, p99 ${millisecondsText(p99Ms)} (${samples} round trips from here)`;
  if (3 * p99Ms < BUDGET_MS) return { id: "latency", severity: "ok", says };
  // The slowest may be of this machine, while it was busy.
  const isOften = 3 * p50Ms >= BUDGET_MS || p99Ms >= BUDGET_MS;
  return {
    id: "latency",
    severity: isOften ? "warning" : "info",
    says,
    means: `three round trips may take longer than the default budgetMs of ${BUDGET_MS}: such requests go to their handlers`,
    write: `budgetMs: ${Math.ceil((3 * p99Ms) / 10) * 10} where the app is as far away, or a server that is nearer; SLOWLOG GET 10 shows slow commands`,
  };
}

function clock({ clock: measured }: ServerFacts): Judged {
  if (!measured) return undefined;
  const { aheadMs, uncertaintyMs } = measured;
  const offMs = Math.abs(aheadMs);
  const says = `${offMs} ms ${aheadMs < 0 ? "behind" : "ahead of"} this machine`;
  if (offMs - uncertaintyMs < SKEWED_MS) return { id: "clock", severity: "ok", says };
  return {
    id: "clock",
    severity: "warning",
    says,
    means:
      "entries end by the clocks of the processes that store them, and leave their index by the server's: what is stored may count for too short or too long, and Age and settleMs are wrong by as much",
    write: "synchronise both clocks (NTP)",
  };
}

function number(info: ReadonlyMap<string, string>, name: string): number | undefined {
  const value = Number(info.get(name) ?? Number.NaN);
  return Number.isFinite(value) ? value : undefined;
}
