// Connections that the feed alone uses: an app that has filled its pool must not keep the drain waiting.
// Tests: test/integration/feed-full-pool.test.ts, test/unit/own-connections.test.ts
import { AsyncResource } from "node:async_hooks";
import type { FeedDatabase } from "../queryable.js";

/** A look, and beside it what nobody waits for: a comparison, a probe, making room. */
export const MOST_CONNECTIONS = 4;
const IDLE_MS = 10_000;
const CONNECTS_WITHIN_MS = 10_000;

type Listener = (...args: unknown[]) => void;

/** A pool of node-postgres, as far as it is looked at. */
interface Pool extends FeedDatabase {
  readonly options: { readonly max?: number; readonly connectionTimeoutMillis?: number };
  readonly Client: unknown;
  readonly totalCount: number;
  /** Whether its `end` was called. */
  readonly ending: boolean;
  on(event: string, listener: Listener): unknown;
  emit(event: string, ...args: unknown[]): unknown;
  end(): Promise<unknown>;
}

type PoolClass = new (options: object, client: unknown) => Pool;

/** Sockets and timers would otherwise belong to the request that happens to be under way, and keep what that keeps. */
const outsideOfRequests = AsyncResource.bind(<T>(work: () => T): T => work());

/**
 * A handler's query waits for a connection of the app's pool, and so would the drain's behind it. Where many wait, the drain would be late, nothing would be
 * answered from the cache, and as many would wait again: the app would never get out of it. So the feed opens a few connections like those of the pool.
 *
 * What only has a `query` is used as it is.
 */
export class OwnConnections {
  readonly #pools = new Map<FeedDatabase, Pool>();

  of(database: FeedDatabase): FeedDatabase {
    if (!isPool(database)) return database;
    const known = this.#pools.get(database);
    if (known) return known;
    const pool = outsideOfRequests(() => openBeside(database));
    this.#pools.set(database, pool);
    return pool;
  }

  /** Resolves when all are closed; one that hangs may never be. */
  async close(): Promise<void> {
    await Promise.all([...this.#pools.values()].map(end));
  }
}

/**
 * Where somebody has put a `query` of his own on it, that is what he wants called. A pool of one leads where no second connection is allowed, or wanted.
 */
function isPool(database: FeedDatabase): database is Pool {
  const { Client, options, totalCount } = database as Partial<Pool>;
  const isLike =
    typeof Client === "function" && typeof options === "object" && typeof totalCount === "number";
  return isLike && options.max !== 1 && !Object.hasOwn(database, "query");
}

function openBeside(pool: Pool): Pool {
  const own = new (classOf(pool))(optionsOf(pool), pool.Client);
  // Whoever asks hears of it.
  own.on("error", () => undefined);
  // Apps set up what they connect: a role, a search path.
  for (const event of ["connect", "remove"]) own.on(event, (client) => pool.emit(event, client));
  const query = own.query.bind(own);
  own.query = (text, values) => {
    if (!pool.ending) return outsideOfRequests(() => query(text, values));
    // The app has done with the database, and may be about to drop it. Its pool says so, too.
    end(own).catch(() => undefined);
    return pool.query(text, values);
  };
  return own;
}

async function end(pool: Pool): Promise<void> {
  if (!pool.ending) await pool.end();
}

/** Of `pg-pool`: classes that are derived from it may take other arguments. */
function classOf(pool: Pool): PoolClass {
  let found: object = pool;
  for (let each: object | null = pool; each !== null; each = Object.getPrototypeOf(each) as object | null)
    if (Object.hasOwn(each, "query")) found = each;
  return found.constructor as PoolClass;
}

function optionsOf({ options }: Pool): object {
  const { connectionTimeoutMillis } = options;
  // `pg-pool` hides the password from enumeration.
  const copy: object = Object.defineProperties({}, Object.getOwnPropertyDescriptors(options));
  return Object.assign(copy, {
    max: MOST_CONNECTIONS,
    min: 0,
    idleTimeoutMillis: IDLE_MS,
    connectionTimeoutMillis: connectionTimeoutMillis || CONNECTS_WITHIN_MS,
    allowExitOnIdle: true,
  });
}
