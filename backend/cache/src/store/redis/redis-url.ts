// The URL of Redis servers: a single one, sentinels that know the master, or nodes of a Cluster; with or without TLS.
// Tests: test/unit/redis-url.test.ts
import { isIP } from "node:net";

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** What a URL says. */
export interface RedisUrl {
  readonly kind: "single" | "sentinel" | "cluster";
  readonly tls: boolean;
  /** The server; the sentinels; some nodes of the Cluster. */
  readonly addresses: readonly [Address, ...Address[]];
  /** Of the servers that hold data. */
  readonly username?: string;
  readonly password?: string;
  /** What the sentinels call the master. */
  readonly master?: string;
  readonly db: number;
  /** 4 or 6: only addresses of this IP version. */
  readonly family?: number;
}

const KINDS = { "": "single", "+sentinel": "sentinel", "+cluster": "cluster" } as const;
const SCHEME = /^redis(s?)(\+sentinel|\+cluster)?$/i;
const FORMS =
  "redis://host:6379, redis+sentinel://host1:26379,host2:26379/mymaster or redis+cluster://host1:6379,host2:6379; rediss instead of redis for TLS";
const URL_PARTS = /^([a-z][a-z0-9+.-]*):\/\/(?:([^@/?#]*)@)?([^@/?#]*)(\/[^?#]*)?(\?[^#]*)?$/i;
const ADDRESS = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::(\d{1,5}))?$/i;
/** Where an address names none. */
export const DEFAULT_PORT = { single: 6379, sentinel: 26_379, cluster: 6379 };
const ESCAPES = "other characters of user and password are percent-encoded (@ is %40, / is %2F, : is %3A)";

/**
 * @throws Error that says what to write instead; it repeats neither the URL nor a part of it that may be
 *   secret
 */
export function parseRedisUrl(text: string): RedisUrl {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1];
  const [, secure, form = ""] = SCHEME.exec(scheme ?? "") ?? [];
  if (secure === undefined) throw new Error(`${meantScheme(scheme)}: write ${FORMS}`);
  const kind = KINDS[form.toLowerCase() as keyof typeof KINDS];
  const parts = URL_PARTS.exec(text);
  if (!parts) throw new Error(`is no such URL: write ${FORMS}; ${ESCAPES}`);
  const [, , userInfo = "", hosts = "", path = "", query = ""] = parts;
  const addresses = hosts.split(",").map((host) => parseAddress(host.trim(), DEFAULT_PORT[kind]));
  const [first, ...others] = addresses;
  if (!first) throw new Error(`names no server: write ${FORMS}`);
  if (kind === "single" && others.length > 0) {
    throw new Error(
      "names several servers: write redis+sentinel://… where they are sentinels, redis+cluster://… where they are nodes of a Cluster",
    );
  }
  return {
    kind,
    tls: secure !== "",
    addresses: [first, ...others],
    ...parseUserInfo(userInfo),
    ...parsePath(kind, path),
    ...parseQuery(query),
  };
}

function meantScheme(scheme: string | undefined): string {
  if (scheme === undefined) return "has no scheme";
  if (/sentinel/i.test(scheme)) return "has a scheme of other clients, which is redis+sentinel:// here";
  if (/cluster/i.test(scheme)) return "has a scheme of other clients, which is redis+cluster:// here";
  if (/^valkeys?$/i.test(scheme)) return "has a scheme that is redis:// (or rediss://) here, also for Valkey";
  return "has an unknown scheme";
}

function parseAddress(text: string, defaultPort: number): Address {
  const [, ipv6, name, digits] = ADDRESS.exec(text) ?? [];
  const host = ipv6 ?? name;
  const port = digits === undefined ? defaultPort : Number(digits);
  if (host === undefined || !isPort(String(port)))
    throw new Error(
      `has an address that is none: write host:port, an IPv6 address as [::1]:6379; ${ESCAPES}`,
    );
  return { host, port };
}

/** Whether it is a name or an IP address, with no port. */
export function isHost(text: string): boolean {
  return isIP(text) !== 0 || ((ADDRESS.exec(text) ?? [])[3] === undefined && ADDRESS.test(text));
}

/** Whether it is the number of a port. */
export function isPort(text: string): boolean {
  return /^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 65_535;
}

function parseUserInfo(text: string): Pick<RedisUrl, "username" | "password"> {
  const colon = text.indexOf(":");
  // Also where a substitution was empty: redis://:@host.
  if (text === "" || text === ":") return {};
  const username = decoded(colon === -1 ? text : text.slice(0, colon));
  const password = colon === -1 ? "" : decoded(text.slice(colon + 1));
  if (password === "")
    throw new Error("has a user and no password: write user:password@, or :password@ for the default user");
  return { password, ...(username !== "" && { username }) };
}

function parsePath(kind: RedisUrl["kind"], path: string): Pick<RedisUrl, "master" | "db"> {
  const parts = path.split("/").slice(1);
  if (parts.at(-1) === "") parts.pop();
  const master = kind === "sentinel" ? decoded(parts.shift() ?? "") : undefined;
  if (master === "")
    throw new Error(
      "does not name the master: write redis+sentinel://host1:26379,host2:26379/mymaster, as it is called in sentinel.conf",
    );
  const [db = "0", ...rest] = parts;
  if (!/^\d{1,5}$/.test(db) || rest.length > 0)
    throw new Error(
      kind === "sentinel"
        ? "must end with the master's name and, where it is not 0, the number of the database: /mymaster/1"
        : "must end with its address or, where it is not 0, with the number of the database: /1",
    );
  if (kind === "cluster" && Number(db) > 0)
    throw new Error(
      `names database ${Number(db)}, and a Redis Cluster has database 0 alone: leave it out, and set CACHE_KEY_PREFIX where others use the Cluster, too`,
    );
  return { db: Number(db), ...(master !== undefined && { master }) };
}

function parseQuery(query: string): Pick<RedisUrl, "family"> {
  const parameters = new URLSearchParams(query);
  const family = parameters.get("family");
  parameters.delete("family");
  if (parameters.size > 0)
    throw new Error(
      "has parameters that are not known: it may have ?family=4 or ?family=6, and everything else is said beside it",
    );
  if (family === null || family === "0") return {};
  if (family !== "4" && family !== "6") throw new Error("has a family that is neither 4 nor 6");
  return { family: Number(family) };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Error("has a % that is no percent-encoding: write %25 for the character itself");
  }
}
