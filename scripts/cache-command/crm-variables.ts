// What the CRM's variables are to the library's command line.
// Tests: test/unit/cache-command.test.ts
import type { Environment, ReadFile } from "../../backend/config/secret-files.js";

/** They ask a Redis or an app, whichever is named. */
const ASK_EITHER: ReadonlySet<string> = new Set(["stats", "top", "tail", "purge"]);

/**
 * Variables to set, or to take away (`undefined`).
 *
 * `REDIS_URL` is the CRM's state, not its cache. The app is where the server listens, unless the cache's Redis is
 * named: that can be asked without a token, and while no server runs.
 */
export function cacheCommandEnvironment(
  args: readonly string[],
  env: Environment,
  readFile: ReadFile,
): Record<string, string | undefined> {
  const redis = env.REDIS_CACHE_URL || cacheUrl(env, readFile);
  const app = `http://${hostOf(env.HOST)}:${env.PORT || "4001"}/ops/cache-api`;
  const [command = ""] = args;
  const isAppNamed = args.includes("--app") || Boolean(env.ETC_APP_URL);
  const needsApp = !ASK_EITHER.has(command) || redis === undefined;
  return {
    REDIS_URL: undefined,
    ...(redis !== undefined && { REDIS_CACHE_URL: redis }),
    ...(!isAppNamed && needsApp && { ETC_APP_URL: app }),
    // As `npm start` prints it.
    ...(!env.ETC_APP_TOKEN && env.TOKEN && { ETC_APP_TOKEN: env.TOKEN }),
  };
}

/** The URL in a file, or the server in three variables. */
function cacheUrl(env: Environment, readFile: ReadFile): string | undefined {
  if (env.REDIS_CACHE_URL_FILE) return readFile(env.REDIS_CACHE_URL_FILE).trim();
  if (!env.REDIS_CACHE_HOST) return undefined;
  const password =
    env.REDIS_CACHE_PASSWORD ||
    (env.REDIS_CACHE_PASSWORD_FILE && readFile(env.REDIS_CACHE_PASSWORD_FILE).replace(/\r?\n$/, ""));
  const user = password ? `:${encodeURIComponent(password)}@` : "";
  return `redis://${user}${env.REDIS_CACHE_HOST}:${env.REDIS_CACHE_PORT || "6379"}`;
}

/** An address to listen on is not always one to ask. */
function hostOf(host: string | undefined): string {
  if (!host || host === "0.0.0.0" || host === "::") return "127.0.0.1";
  return host.includes(":") ? `[${host}]` : host;
}
