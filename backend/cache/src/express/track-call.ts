// `cache.track(pool)`: whose statements are noted.
// Tests: test/unit/refusals/track.test.ts, test/integration/auto.test.ts
import { refuseSurplus } from "../options/arguments.js";
import type { HttpServices } from "./http-services.js";

/**
 * Has the statements noted that handlers send through a pool of node-postgres, or through what has one: knex, sequelize, an initialized
 * DataSource of TypeORM; Drizzle and Prisma's adapter are given a pool. Call it before routes are mounted with `dependsOn: "auto"`, once for each
 * pool that they read from. All of them must lead to the primary of the feed's database. Needs `libpg-query`.
 *
 * @returns what it was given
 * @throws TenantCacheError `ETC_AUTO` without a feed, `ETC_TRACK` for what is no pool, `ETC_LIBPG_QUERY` where that is not installed,
 *   `ETC_ARGUMENTS`
 */
export type Track = <Pool extends object>(pool: Pool) => Pool;

/** @internal */
export function createTrack(http: HttpServices): Track {
  return <Pool extends object>(pool: Pool, ...surplus: unknown[]): Pool => {
    refuseSurplus("track", surplus, "one pool, and call it once for each: track(pool)");
    http.reads.track(pool);
    return pool;
  };
}
