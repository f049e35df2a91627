// The one target of a command: a Redis or an app, as its options say, else as the environment does.
// Tests: test/unit/cli-targets.test.ts
import { type AppOptions, type AppTarget, appTarget } from "./app-target.js";
import { wrongArguments } from "./exit-codes.js";
import { type Environment, type RedisOptions, type RedisTarget, redisTarget } from "./redis-target.js";

export type TargetOptions = RedisOptions & AppOptions;

const OF_REDIS = {
  redis: "--redis",
  prefix: "--prefix",
  tlsCa: "--tls-ca",
  tlsCert: "--tls-cert",
  tlsKey: "--tls-key",
  tlsServername: "--tls-servername",
} satisfies Record<keyof RedisOptions, string>;
const OF_APP = { app: "--app", header: "--header" } satisfies Record<keyof AppOptions, string>;

/** @throws TenantCacheError `ETC_CLI_ARGUMENTS` */
export function redisOnly(options: TargetOptions, env: Environment): RedisTarget {
  if (options.app !== undefined)
    throw wrongArguments("this command asks a Redis: write --redis in the place of --app");
  return redisTarget(options, env) ?? missing("--redis redis://host:6379, or set REDIS_CACHE_URL");
}

/** @throws TenantCacheError `ETC_CLI_ARGUMENTS` */
export function appOnly(options: TargetOptions, env: Environment): AppTarget {
  if (options.redis !== undefined)
    throw wrongArguments("this command asks a running app: write --app in the place of --redis");
  return (
    appTarget(options, env) ??
    missing("--app with the URL where cache.operations is mounted, or set ETC_APP_URL")
  );
}

/**
 * Where only variables name both, the app: it knows more.
 *
 * @throws TenantCacheError `ETC_CLI_ARGUMENTS`
 */
export function eitherTarget(options: TargetOptions, env: Environment): RedisTarget | AppTarget {
  const ofRedis = given(options, OF_REDIS);
  const ofApp = given(options, OF_APP);
  if (ofRedis !== undefined && ofApp !== undefined)
    throw wrongArguments(
      `${ofRedis} is for a Redis, and ${ofApp} for an app: write the one that is to be asked`,
    );
  if (ofRedis !== undefined) return redisOnly(options, env);
  if (ofApp !== undefined) return appOnly(options, env);
  return (
    appTarget(options, env) ??
    redisTarget(options, env) ??
    missing(
      "--redis redis://host:6379 or --app http://host/ops/cache-api, or set REDIS_CACHE_URL or ETC_APP_URL",
    )
  );
}

function given<Names extends Record<string, string>>(options: object, names: Names): string | undefined {
  const of = options as Readonly<Record<string, unknown>>;
  return Object.entries(names).find(([name]) => of[name] !== undefined)?.[1];
}

function missing(write: string): never {
  throw wrongArguments(`no target: write ${write}`);
}
