// What `cache.track` takes: a pool or client of node-postgres, or an ORM that has some.
// Tests: test/unit/refusals/track.test.ts, test/integration/auto-connections.test.ts, test/package/orm-auto.test.ts
import { AsyncResource } from "node:async_hooks";
import { TenantCacheError } from "../errors.js";
import type { FeedDatabase } from "../queryable.js";
import { shown } from "../shown.js";
import { notingFor, tellStrange } from "./current-reads.js";
import { noteStatements, type PgClient, tellStrangers } from "./tracked-connections.js";

type Callback = (error: unknown, client?: PgClient, ...more: unknown[]) => void;

interface Pool extends FeedDatabase {
  connect: (callback?: Callback) => unknown;
  readonly totalCount: number;
  /** Those that are open already. */
  readonly _clients?: readonly PgClient[];
  /** Their class. */
  readonly Client?: { readonly prototype: PgClient };
}

interface Knex {
  readonly client: {
    acquireRawConnection: () => Promise<PgClient>;
    acquireConnection(): Promise<PgClient>;
    releaseConnection(client: PgClient): unknown;
  };
}

interface Sequelize {
  readonly options?: { readonly replication?: unknown };
  readonly connectionManager: {
    getConnection: (options: object) => Promise<PgClient>;
    releaseConnection(client: PgClient): unknown;
  };
}

/** Of TypeORM's data source: pools, once it is initialized. */
interface Driver {
  readonly master?: unknown;
  readonly slaves?: readonly unknown[];
}

/** What was tracked: what statements of it are told apart by, and how the catalogue is asked through it. */
export interface Tracked {
  readonly source: object;
  readonly queried: FeedDatabase;
}

const tracked = new WeakMap<object, Tracked>();

/**
 * Has all its statements noted from now on; once, however often it is called.
 *
 * @throws TenantCacheError `ETC_TRACK` where it is nothing of the kind
 */
export function track(given: unknown): Tracked {
  const known = tracked.get(Object(given));
  if (known) return known;
  const made = trackedOf(given);
  tracked.set(Object(given), made);
  return made;
}

function trackedOf(given: unknown): Tracked {
  const like = given as Partial<Pool & Knex & Sequelize & { readonly driver?: Driver }>;
  const kind = typeof given;
  if ((kind !== "object" && kind !== "function") || given === null) throw refused(given);
  if (
    typeof like.connect === "function" &&
    typeof like.query === "function" &&
    typeof like.totalCount === "number"
  )
    return ofPool(given as Pool);
  if (typeof like.client?.acquireRawConnection === "function") return ofKnex(given as Knex);
  if (typeof like.connectionManager?.getConnection === "function") return ofSequelize(given as Sequelize);
  if (like.driver?.master !== undefined) return ofDataSource(like.driver);
  throw refused(given);
}

function refused(given: unknown): TenantCacheError {
  return new TenantCacheError(
    "ETC_TRACK",
    `track: ${shown(given)} is none of what is tracked: pass a Pool of pg, as Drizzle and Prisma's adapter take one; or knex, sequelize, or a DataSource of TypeORM that is initialized`,
  );
}

/** `pool.query` is its `connect` with a callback, and `client.query`. */
function ofPool(pool: Pool): Tracked {
  const noting = notingFor(pool);
  const { connect } = pool;
  for (const client of pool._clients ?? []) noteStatements(client, noting);
  if (pool.Client) tellStrangers(pool.Client.prototype, pool, tellStrange);
  pool.connect = (callback) => {
    if (typeof callback !== "function") {
      const connected = Reflect.apply(connect, pool, []) as Promise<PgClient>;
      return connected.then((client) => {
        noteStatements(client, noting);
        return client;
      });
    }
    // One that waits for a connection is called by whoever releases one.
    const own = AsyncResource.bind((...[error, client, ...more]: Parameters<Callback>) => {
      if (client) noteStatements(client, noting);
      callback(error, client, ...more);
    });
    return Reflect.apply(connect, pool, [own]);
  };
  return { source: pool, queried: pool };
}

function ofKnex(knex: Knex): Tracked {
  const { client } = knex;
  const noting = notingFor(knex);
  const { acquireRawConnection, acquireConnection } = client;
  client.acquireRawConnection = async () => {
    const connection = await Reflect.apply(acquireRawConnection, client, []);
    noteStatements(connection, noting);
    return connection;
  };
  // Those that are open already.
  client.acquireConnection = async (...args: []) => {
    const connection = await Reflect.apply(acquireConnection, client, args);
    noteStatements(connection, noting);
    return connection;
  };
  return {
    source: knex,
    queried: asking(
      () => client.acquireConnection(),
      (used) => client.releaseConnection(used),
    ),
  };
}

function ofSequelize(sequelize: Sequelize): Tracked {
  if (sequelize.options?.replication) throw replicated("sequelize");
  const noting = notingFor(sequelize);
  const { connectionManager } = sequelize;
  const { getConnection } = connectionManager;
  connectionManager.getConnection = async (...args) => {
    const client = await Reflect.apply(getConnection, connectionManager, args);
    noteStatements(client, noting);
    return client;
  };
  const queried = asking(
    () => connectionManager.getConnection({ type: "SELECT" }),
    (used) => connectionManager.releaseConnection(used),
  );
  return { source: sequelize, queried };
}

function ofDataSource({ master, slaves = [] }: Driver): Tracked {
  if (slaves.length > 0) throw replicated("data source");
  return track(master);
}

function replicated(kind: string): TenantCacheError {
  return new TenantCacheError(
    "ETC_TRACK",
    `track: this ${kind} reads from replicas, whose rows may be older than what the cache knows of: track one without replication, which reads from the primary`,
  );
}

function asking(acquire: () => Promise<PgClient>, release: (client: PgClient) => unknown): FeedDatabase {
  return {
    query: async (text, values) => {
      const client = await acquire();
      try {
        return await (client.query(text, values) as ReturnType<FeedDatabase["query"]>);
      } finally {
        await release(client);
      }
    },
  };
}
