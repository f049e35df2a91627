// Which Redis a command asks: from its options and the environment, without ever repeating a password.
// Tests: test/unit/cli-targets.test.ts
import { readFileSync } from "node:fs";
import type { ConnectionOptions } from "node:tls";
import { describeServers, parseRedisUrl, type RedisServers, serversOf } from "../store/redis/url-servers.js";
import { messageOf } from "../thrown.js";
import { wrongArguments } from "./exit-codes.js";

export interface RedisOptions {
  readonly redis?: string | undefined;
  readonly prefix?: string | undefined;
  readonly tlsCa?: string | undefined;
  readonly tlsCert?: string | undefined;
  readonly tlsKey?: string | undefined;
  readonly tlsServername?: string | undefined;
}

export interface RedisTarget {
  readonly kind: "redis";
  readonly servers: RedisServers;
  readonly prefix: string;
  /** Without secrets. */
  readonly name: string;
  /** Whether other users of the machine can see a password. */
  readonly isPasswordShown: boolean;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** The variables, the first that is set: the cache's own goes before the one that apps call their only Redis by. */
const URL_VARIABLES = ["REDIS_CACHE_URL", "REDIS_URL"] as const;

/** `undefined` where neither an option nor a variable names a Redis. */
export function redisTarget(options: RedisOptions, env: Environment): RedisTarget | undefined {
  const variable = URL_VARIABLES.find((name) => env[name]);
  const given = options.redis ?? (variable && env[variable]);
  if (given === undefined) return undefined;
  const source = options.redis === undefined ? String(variable) : "--redis";
  const text = fromFile(given, source).trim();
  const isPasswordShown = options.redis !== undefined && !given.startsWith("@") && /:[^@/]+@/.test(given);
  const password = env.REDISCLI_AUTH || undefined;
  const url = parsed(withPassword(text, password), source);
  const known = url.password === undefined && password !== undefined ? { ...url, password } : url;
  const companion = variable === "REDIS_URL" && options.redis === undefined ? "REDIS" : "REDIS_CACHE";
  const tls = tlsOf(options, env, companion);
  if (tls && !url.tls)
    throw wrongArguments(`${tls.source} is for TLS: write rediss instead of redis in ${source}`);
  const sentinelPassword = env[`${companion}_SENTINEL_PASSWORD`] || undefined;
  const sentinelUsername = env[`${companion}_SENTINEL_USERNAME`] || undefined;
  const servers = serversOf(known, {
    tls: url.tls ? (tls?.options ?? {}) : undefined,
    sentinel: {
      ...(sentinelUsername !== undefined && { sentinelUsername }),
      ...(sentinelPassword !== undefined && { sentinelPassword }),
    },
  });
  const prefix = options.prefix ?? env.CACHE_KEY_PREFIX ?? "";
  if (!/^[\w.:-]*$/.test(prefix))
    throw wrongArguments('--prefix: write letters, digits, "_", ".", ":", "-", for example --prefix crm:');
  const { db = 0 } = servers.options;
  const name = `${describeServers(servers)}${db > 0 ? `, database ${db}` : ""}`;
  return { kind: "redis", servers, prefix, name, isPasswordShown };
}

/** As curl has it: `@file` is what the file holds. */
export function fromFile(given: string, source: string): string {
  if (!given.startsWith("@")) return given;
  try {
    return readFileSync(given.slice(1), "utf8");
  } catch (error) {
    throw wrongArguments(`${source}: the file cannot be read (${messageOf(error)})`);
  }
}

function parsed(text: string, source: string): ReturnType<typeof parseRedisUrl> {
  try {
    return parseRedisUrl(text);
  } catch (error) {
    throw wrongArguments(`${source} ${messageOf(error)}`);
  }
}

/** A URL with a user and no password is one for which the password stands elsewhere. */
function withPassword(text: string, password: string | undefined): string {
  if (password === undefined) return text;
  return text.replace(
    /^([a-z+]+:\/\/)([^@/?#:]+)@/i,
    (_all, scheme: string, user: string) => `${scheme}${user}:${encodeURIComponent(password)}@`,
  );
}

function tlsOf(
  { tlsCa, tlsCert, tlsKey, tlsServername }: RedisOptions,
  env: Environment,
  companion: string,
): { readonly source: string; readonly options: ConnectionOptions } | undefined {
  const parts = [
    { field: "ca", option: "--tls-ca", variable: "TLS_CA_FILE", given: tlsCa },
    { field: "cert", option: "--tls-cert", variable: "TLS_CERT_FILE", given: tlsCert },
    { field: "key", option: "--tls-key", variable: "TLS_KEY_FILE", given: tlsKey },
    { field: "servername", option: "--tls-servername", variable: "TLS_SERVERNAME", given: tlsServername },
  ].flatMap(({ field, option, variable, given }) => {
    const name = `${companion}_${variable}`;
    const value = given ?? (env[name] || undefined);
    if (value === undefined) return [];
    const source = given === undefined ? name : option;
    return [{ field, source, value: field === "servername" ? value : fromFile(`@${value}`, source) }];
  });
  const [first] = parts;
  if (!first) return undefined;
  return {
    source: first.source,
    options: Object.fromEntries(parts.map(({ field, value }) => [field, value])),
  };
}
