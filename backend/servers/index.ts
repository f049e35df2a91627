// The servers that tests run against.
export { findRedis, type RedisSource, redisBinaries } from "./find-redis.js";
export {
  createTestDatabase,
  type DurablePostgres,
  startDurablePostgres,
  startPostgresServer,
  type TestDatabase,
} from "./postgres.js";
export {
  type RedisServer,
  type RedisServerOptions,
  sharedRedisUrl,
  startRedisServer,
} from "./redis-server.js";
export { CERTIFICATE, startTcpProxy, type TcpProxy } from "./tcp-proxy.js";
