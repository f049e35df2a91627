// The faults of a run of the feed: whatever can stand between a COMMIT and the fence.
import { execFile } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import pg from "pg";
import type { DurablePostgres } from "../../servers/index.js";
import { until } from "../../servers/until.js";
import type { FeedBackend } from "./feed-backends.js";
import type { FeedRedis } from "./feed-redis.js";
import { between, type Random } from "./random.js";

/** With their owners: PostgreSQL refuses files of anybody else. */
export const run = promisify(execFile);

export const FEED_FAULTS = {
  "kill-drain": "the draining process killed (SIGKILL)",
  "pause-drain": "the draining process stopped (SIGSTOP)",
  "cut-drain-store": "the draining process cut off from Redis",
  "cut-drain-database": "the draining process cut off from PostgreSQL",
  "kill-postgres": "PostgreSQL killed (SIGKILL), and recovered",
  "restore-postgres": "PostgreSQL killed, and put back to an earlier state",
  flush: "FLUSHALL",
  "restart-redis": "Redis killed (SIGKILL), and restarted empty",
  failover: "Redis failed over to a replica that lags",
  "failover-paused-drain": "the same, while the draining process is stopped",
} as const;

export type FeedFault = keyof typeof FEED_FAULTS;

export const FEED_FAULT_NAMES = Object.keys(FEED_FAULTS) as readonly FeedFault[];

export interface FaultedWorld {
  readonly backends: readonly FeedBackend[];
  readonly postgres: DurablePostgres;
  readonly redis: FeedRedis;
  readonly random: Random;
  /** How long what stands still does so at most, milliseconds. */
  readonly longestMs: number;
  /** A copy of the files that PostgreSQL had. */
  readonly copy: string;
  /** No write is under way until what it resolves with is called. */
  holdWriters(): Promise<() => void>;
  /** The database is about to be put back to the state of the copy. */
  goesBack(): void;
  /** It is in that state, and answers. */
  restored(): void;
}

/** Resolves when it is undone. */
export async function doFault(name: FeedFault, world: FaultedWorld): Promise<void> {
  const { postgres, redis, random, longestMs } = world;
  const pauseMs = between(random, 100, longestMs);
  if (name === "kill-postgres" || name === "restore-postgres") {
    await killPostgres(name, world);
    return;
  }
  if (name === "flush") return redis.flush();
  if (name === "restart-redis") return redis.restart(random);
  if (name === "failover") return redis.failOver(random);
  const drain = await drainOf(world.backends);
  if (!drain) return;
  if (name === "kill-drain") {
    await drain.die();
    await delay(pauseMs);
    await drain.bear();
  } else if (name === "pause-drain") {
    drain.signal("SIGSTOP");
    await delay(pauseMs);
    drain.signal("SIGCONT");
  } else if (name === "failover-paused-drain") {
    drain.signal("SIGSTOP");
    await redis.failOver(random);
    drain.signal("SIGCONT");
  } else {
    const proxy = name === "cut-drain-store" ? drain.toRedis : drain.toDatabase;
    if (random() < 0.5) proxy.stall();
    else proxy.cut();
    await delay(pauseMs);
    proxy.heal();
  }
  await answers(postgres);
}

async function drainOf(backends: readonly FeedBackend[]): Promise<FeedBackend | undefined> {
  const states = await Promise.all(backends.map(async (backend) => (await backend.get("/state"))?.body));
  return backends[states.indexOf("draining")];
}

async function killPostgres(
  name: "kill-postgres" | "restore-postgres",
  { postgres, copy, random, holdWriters, goesBack, restored }: FaultedWorld,
): Promise<void> {
  // Which of the writes under way have been lost is not known: none is, where the state goes back.
  const release = name === "restore-postgres" ? await holdWriters() : () => undefined;
  if (name === "restore-postgres") goesBack();
  await postgres.kill();
  if (name === "restore-postgres") {
    await run("rm", ["-rf", postgres.data]);
    await run("cp", ["-a", copy, postgres.data]);
  }
  await delay(between(random, 0, 300));
  await postgres.restart();
  await answers(postgres);
  if (name === "restore-postgres") restored();
  release();
}

/** What was prepared and never ended would hold its rows for ever. */
async function answers({ superuserUrl }: DurablePostgres): Promise<void> {
  await until("PostgreSQL answers", async () => {
    const client = new pg.Client({ connectionString: superuserUrl });
    client.on("error", () => undefined);
    try {
      await client.connect();
      const { rows } = await client.query(
        "SELECT gid FROM pg_prepared_xacts WHERE prepared < now() - interval '2 s'",
      );
      for (const { gid } of rows) await client.query(`ROLLBACK PREPARED '${gid}'`).catch(() => undefined);
      return true;
    } catch {
      return false;
    } finally {
      await client.end().catch(() => undefined);
    }
  });
}
