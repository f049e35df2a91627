// The servers that tests run against.
export { findRedis, type RedisSource, redisBinaries } from "./find-redis.js";
export {
  createMigratedDatabase,
  createTestDatabase,
  type DurablePostgres,
  dropTemplateDatabase,
  startDurablePostgres,
  startPostgresServer,
  startPostgresWith,
  type TestDatabase,
} from "./postgres.js";
export type { RedisServer, RedisServerOptions } from "./redis-server.js";
export { sharedRedisUrl, startRedisServer } from "./start-redis.js";
export { CERTIFICATE, startTcpProxy, type TcpProxy } from "./tcp-proxy.js";
