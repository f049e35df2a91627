// A connection to Redis from its variables: REDIS_… for the state, REDIS_CACHE_… for the cache. One parser for both.
// Tests: test/unit/config-redis.test.ts
import { redisUrls } from "express-tenant-cache";
import { parseTls, TLS_PARTS } from "./redis-tls.js";
import type { Checked, Environment, ReadFile } from "./secret-files.js";

export type RedisServers = redisUrls.RedisServers;
type ServerOptions = redisUrls.ServerOptions;

export const { redisOption, describeServers } = redisUrls;

export type RedisVariable = "REDIS" | "REDIS_CACHE";

/**
 * One server in three variables, as other programs read them too: they are nobody's business here where there
 * is a URL.
 */
const HOST_PARTS = ["HOST", "PORT", "PASSWORD"] as const;
/** What goes beside a URL only. */
const URL_COMPANIONS = ["SENTINEL_USERNAME", "SENTINEL_PASSWORD", ...TLS_PARTS] as const;
const PARTS = ["URL", ...HOST_PARTS, ...URL_COMPANIONS] as const;
type Part = (typeof PARTS)[number];

/** The names of a connection's variables. */
export const redisVariables = (prefix: RedisVariable): string[] => PARTS.map((part) => `${prefix}_${part}`);
/** Those of them that are secrets: each may be a file, with _FILE behind its name. */
export const redisSecrets = (prefix: RedisVariable): string[] => [
  `${prefix}_URL`,
  `${prefix}_PASSWORD`,
  `${prefix}_SENTINEL_PASSWORD`,
];

/** `undefined` where neither the URL nor the host is set: there is no such connection. */
export function redisServersFrom(
  prefix: RedisVariable,
  env: Environment,
  readFile: ReadFile,
): Checked<RedisServers | undefined> {
  const variable = (part: Part) => `${prefix}_${part}`;
  const given = (part: Part) => env[variable(part)] || undefined;
  const text = given("URL")?.trim();
  if (text === undefined) {
    const others = URL_COMPANIONS.filter((part) => given(part) !== undefined);
    const problems = others.map((part) => `${variable(part)}: says nothing without ${variable("URL")}`);
    const byHost = serverByHost(variable, given);
    problems.push(...byHost.problems);
    return { value: problems.length > 0 ? undefined : byHost.value, problems };
  }
  let url: redisUrls.RedisUrl;
  try {
    url = redisUrls.parseRedisUrl(text);
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    return { value: undefined, problems: [`${variable("URL")}: ${problem}`] };
  }
  const tls = parseTls({ isUsed: url.tls, urlName: variable("URL"), variable, given, readFile });
  const sentinel = sentinelFrom(url, variable, given);
  const problems = [...tls.problems, ...sentinel.problems];
  return problems.length > 0
    ? { value: undefined, problems }
    : { value: redisUrls.serversOf(url, { tls: tls.value, sentinel: sentinel.value }), problems };
}

/** A password alone names no server: Compose reads the same variable for its own. */
function serverByHost(variable: Variable, given: Given): Checked<RedisServers | undefined> {
  const [host, port] = [given("HOST")?.trim(), given("PORT")?.trim()];
  const password = given("PASSWORD");
  if (host === undefined) return { value: undefined, problems: [] };
  const problems: string[] = [];
  if (!redisUrls.isHost(host))
    problems.push(
      `${variable("HOST")}: must be a name or an address and nothing else; for several servers, or TLS, set ${variable("URL")} instead`,
    );
  if (port !== undefined && !redisUrls.isPort(port))
    problems.push(`${variable("PORT")}: must be a whole number from 1 to 65535`);
  const options = {
    host: host.replace(/^\[(.*)\]$/, "$1"),
    port: Number(port ?? redisUrls.DEFAULT_PORT.single),
    db: 0,
  };
  return { value: { kind: "single", options: { ...(password && { password }), ...options } }, problems };
}

type Variable = (part: Part) => string;
type Given = (part: Part) => string | undefined;

function sentinelFrom(url: redisUrls.RedisUrl, variable: Variable, given: Given): Checked<ServerOptions> {
  const [username, password] = [given("SENTINEL_USERNAME"), given("SENTINEL_PASSWORD")];
  const problems: string[] = [];
  if (url.kind !== "sentinel") {
    for (const part of ["SENTINEL_USERNAME", "SENTINEL_PASSWORD"] as const) {
      if (given(part) !== undefined)
        problems.push(
          `${variable(part)}: ${variable("URL")} names no sentinels: write redis+sentinel://… there`,
        );
    }
  } else if (username !== undefined && password === undefined) {
    problems.push(`${variable("SENTINEL_USERNAME")}: needs ${variable("SENTINEL_PASSWORD")}`);
  }
  return {
    value: {
      ...(username !== undefined && { sentinelUsername: username }),
      ...(password !== undefined && { sentinelPassword: password }),
    },
    problems,
  };
}
