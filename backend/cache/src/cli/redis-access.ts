// A command's own connections to Redis: commands by name, to every master, with reasons that people understand.
// Tests: test/integration/cli-redis.test.ts
import { TenantCacheError } from "../errors.js";
import { KeySpace } from "../store/key-space.js";
import { connect } from "../store/redis/connect.js";
import { messageOf } from "../store/redis/error-messages.js";
import { mastersOf } from "../store/redis/keyspace-scan.js";
import { isClusterClient, type RedisClient } from "../store/redis/redis-client.js";
import type { RedisOption } from "../store/redis/redis-option.js";
import { redisOption } from "../store/redis/url-servers.js";
import { clearTimeout, delay, setTimeout } from "../timers.js";
import type { Context } from "./context.js";
import { refused, unreachable, wrongArguments } from "./exit-codes.js";
import type { RedisTarget } from "./redis-target.js";

/** An ioredis client, which also takes commands by name. */
type CommandClient = RedisClient & {
  call(name: string, ...args: (string | number)[]): Promise<unknown>;
  callBuffer(name: string, ...args: (string | number)[]): Promise<unknown>;
};

export interface RedisNode {
  /** `host:port`. */
  readonly address: string;
  call(name: string, ...args: (string | number)[]): Promise<unknown>;
}

export interface RedisAccess {
  readonly keys: KeySpace;
  readonly isCluster: boolean;
  readonly client: RedisClient;
  /** The server, or the masters of a Cluster as they are now, without {@link absent}. */
  masters(): RedisNode[];
  /** Masters of a Cluster that have slots and did not answer at the beginning: `host:port`. */
  readonly absent: readonly string[];
  /** Where the keys of the command are. Rejects as a {@link RedisNode} does. */
  call(name: string, ...args: (string | number)[]): Promise<unknown>;
  /** Of a command that answers with one value. */
  bytes(name: string, ...args: (string | number)[]): Promise<Buffer>;
  close(): void;
}

/** How often a connection that is lost is tried anew, where a command goes on. */
const RETRY_MS = 1000;
/** Why a connection was lost comes behind what it means for a command. */
const SAID_WITHIN_MS = 100;

/**
 * Connects. With `isLasting` a lost connection is made anew, for commands that go on until somebody ends them.
 *
 * @throws TenantCacheError `ETC_CLI_UNREACHABLE`, `ETC_CLI_REFUSED`, `ETC_REDIS_MISSING`
 */
export async function openRedis(
  target: RedisTarget,
  { timeoutMs, ended }: Pick<Context, "timeoutMs" | "ended">,
  isLasting = false,
): Promise<RedisAccess> {
  const client = connected(cliOption(target, timeoutMs, isLasting, { reconnectOnError: () => false }));
  try {
    await whenReady(client, target, timeoutMs);
  } catch (error) {
    client.disconnect();
    throw error;
  }
  const isCluster = isClusterClient(client);
  const absent = isClusterClient(client) ? await absentMasters(client.nodes("master")) : [];
  // What is under way would be waited for.
  ended.addEventListener("abort", () => client.disconnect(), { once: true });
  return {
    keys: new KeySpace(target.prefix, isCluster),
    isCluster,
    client,
    masters: () => {
      if (!isClusterClient(client)) return [nodeOf(client)];
      return client
        .nodes("master")
        .map(namedNodeOf)
        .filter(({ address }) => !absent.includes(address));
    },
    absent,
    call: (name, ...args) => (client as CommandClient).call(name, ...args),
    bytes: async (name, ...args) => {
      const value = await (client as CommandClient).callBuffer(name, ...args);
      return Buffer.isBuffer(value) ? value : Buffer.alloc(0);
    },
    close: () => client.disconnect(),
  };
}

function connected(option: RedisOption): RedisClient {
  try {
    return connect(option).client;
  } catch (error) {
    if (!(error instanceof TenantCacheError) || error.code !== "ETC_REDIS_MISSING") throw error;
    const advice =
      "a Redis is asked through ioredis, which is not installed here: npm install ioredis, or npx -p express-tenant-cache -p ioredis express-tenant-cache …; an app (--app) is asked without it";
    throw new TenantCacheError("ETC_REDIS_MISSING", advice, { cause: error });
  }
}

/** As the cache itself connects, but for the name, and for how long is waited. */
export function cliOption(
  target: RedisTarget,
  timeoutMs: number,
  isLasting: boolean,
  more: object = {},
): RedisOption {
  const options = {
    ...more,
    connectionName: "express-tenant-cache-cli",
    connectTimeout: timeoutMs,
    commandTimeout: timeoutMs,
    retryStrategy: () => (isLasting ? RETRY_MS : null),
  };
  const option = redisOption(target.servers);
  if (typeof option === "object" && "cluster" in option)
    return { ...option, redisOptions: { ...option.redisOptions, ...options } };
  return { ...(option as object), ...options } as RedisOption;
}

function nodeOf(client: RedisClient): RedisNode {
  const { host, port, path, sentinels } = client.options ?? {};
  const { remoteAddress, remotePort } = client.stream ?? {};
  // Sentinels have named it: the options name nobody.
  const address = sentinels ? `${remoteAddress}:${remotePort}` : path || `${host}:${port}`;
  return { address, call: (name, ...args) => (client as CommandClient).call(name, ...args) };
}

/** Of several, whose connection it is that is lost says what to look after. */
function namedNodeOf(client: RedisClient): RedisNode {
  const { address, call } = nodeOf(client);
  return {
    address,
    call: (name, ...args) =>
      call(name, ...args).catch((error: unknown) => {
        const reason = messageOf(error);
        throw isLost(reason) ? new Error(`${address}: ${reason}`, { cause: error }) : error;
      }),
  };
}

/** A client forgets a node that it has lost. The others know of it as long as its slots are nobody else's. */
async function absentMasters(clients: readonly RedisClient[]): Promise<string[]> {
  const nodes = clients.map(nodeOf);
  const answers = await Promise.all(
    nodes.map(async ({ address, call }) => {
      const [slots, isThere] = await call("cluster", "slots").then(
        (said) => [said, true] as const,
        (error: unknown) => [[], !isLost(messageOf(error))] as const,
      );
      return { address, slots, isThere };
    }),
  );
  const there = new Set(answers.filter(({ isThere }) => isThere).map(({ address }) => address));
  const named = answers.flatMap(({ slots }) =>
    (slots as readonly (readonly [unknown, unknown, readonly [host: unknown, port: unknown]])[]).map(
      ([, , [host, port]]) => `${host}:${port}`,
    ),
  );
  const lost = answers.filter(({ isThere }) => !isThere).map(({ address }) => address);
  return [...new Set([...named, ...lost])].filter((address) => !there.has(address));
}

async function whenReady(client: RedisClient, target: RedisTarget, timeoutMs: number): Promise<void> {
  let reason = `no answer within ${timeoutMs} ms`;
  await new Promise<void>((resolve, reject) => {
    const finish = (settle: () => void) => {
      clearTimeout(timer);
      for (const [event, listener] of Object.entries(listeners)) client.off(event, listener);
      // A connection that fails later rejects the command that needs it, and says here why.
      client.on("error", (error) => {
        reason = messageOf(error);
      });
      settle();
    };
    const fail = () => finish(() => reject(failureOf(reason, target)));
    const timer = setTimeout(fail, timeoutMs);
    const listeners = {
      ready: () => finish(resolve),
      error: (error: unknown) => {
        reason = messageOf(error);
        // Sentinel and Cluster try others; a password is refused by all, and none of them is of another kind.
        if (isRefusal(reason) || isOfAnotherKind(reason)) fail();
      },
      end: fail,
    };
    for (const [event, listener] of Object.entries(listeners)) client.on(event, listener);
    if (client.status === "ready") finish(resolve);
  });
  // Where a password is missing, the connection is ready all the same.
  await answered(client, target, timeoutMs, () => reason);
}

/** @param lastError what the client has said last */
async function answered(
  client: RedisClient,
  target: RedisTarget,
  timeoutMs: number,
  lastError: () => string,
): Promise<void> {
  const nodes = mastersOf(client);
  const late = new Promise<never>((_resolve, reject) => {
    setTimeout(() => reject(failureOf(`no answer within ${timeoutMs} ms`, target)), timeoutMs).unref();
  });
  // TIME asks for nothing, and any answer to it but these is one of a server that can be asked more.
  // Of a Cluster some nodes may be away.
  const times = nodes.map((node) => (node as CommandClient).call("time"));
  const asked = Promise.any(times).catch(async ({ errors }: AggregateError) => {
    const [error] = errors as readonly unknown[];
    const reason = messageOf(error);
    if (isRefusal(reason)) throw failureOf(reason, target);
    if (!isLost(reason)) return;
    // ioredis 5 calls a connection ready whose password is being refused.
    await delay(SAID_WITHIN_MS);
    throw failureOf(isRefusal(lastError()) ? lastError() : reason, target);
  });
  await Promise.race([asked, late]);
  // Without its password, a server may take the user for another one, who may ask.
  if (isRefusal(lastError())) throw failureOf(lastError(), target);
}

const isRefusal = (reason: string) => /NOAUTH|WRONGPASS|invalid password|invalid username/i.test(reason);

/** Whether the server could not be asked at all. */
export function isLost(reason: string): boolean {
  return /connection is closed|command aborted|ECONN|EPIPE|ETIMEDOUT|EHOSTUNREACH|EHOSTDOWN|ENETUNREACH|ENETDOWN|ENOTFOUND|EAI_AGAIN|timed? ?out|stream isn't writeable|LOADING|MASTERDOWN|None of startup nodes|No available/i.test(
    reason,
  );
}

/** Whether the server has refused a command to this user. */
export function isForbidden(reason: string): boolean {
  return /NOPERM|ACL failure|can't run this command/.test(reason);
}

/** What a command ends with that an error of Redis has stopped. What is told already stays as it is. */
export function endedBy(error: unknown, target: RedisTarget): unknown {
  if (error instanceof TenantCacheError) return error;
  const reason = messageOf(error);
  return isRefusal(reason) || isForbidden(reason) || isLost(reason) ? failureOf(reason, target) : error;
}

const NO_CLUSTER = /cluster support disabled/i;
const NO_SENTINEL = /unknown command.*sentinel/i;
const NO_MASTER = /No such master/i;

const isOfAnotherKind = (reason: string) =>
  [NO_CLUSTER, NO_SENTINEL, NO_MASTER].some((kind) => kind.test(reason));

/** What else to write where it may be for TLS that nobody answers. */
function tlsAdvice(reason: string, isTls: boolean): string {
  if (/self-signed|self signed|unable to (?:verify|get)/i.test(reason))
    return ": name who signed its certificate with --tls-ca";
  if (/altnames/i.test(reason)) return ": write the name that is in its certificate with --tls-servername";
  if (/certificate required/i.test(reason))
    return ": it wants this side's certificate, with --tls-cert and --tls-key";
  if (isTls && /no answer|wrong version number/i.test(reason))
    return ": where it speaks no TLS, write redis in the place of rediss";
  return !isTls && /ECONNRESET/.test(reason)
    ? ": where it speaks TLS, write rediss in the place of redis"
    : "";
}

/** What a command ends with, by the reason why the server cannot be used. */
export function failureOf(reason: string, { name, servers }: RedisTarget): Error {
  if (NO_CLUSTER.test(reason))
    return wrongArguments(
      `${name} is no Cluster (${reason}): write redis:// in the place of redis+cluster://`,
    );
  if (NO_SENTINEL.test(reason))
    return wrongArguments(`what answers for ${name} is no sentinel: write redis:// for a server itself`);
  if (NO_MASTER.test(reason))
    return wrongArguments(
      `${name}: the sentinels know no master of that name: write it as sentinel.conf does`,
    );
  if (isRefusal(reason))
    return refused(
      `${name} refuses the password (${reason}): write the URL with user and password in REDIS_CACHE_URL, or the password in REDISCLI_AUTH`,
    );
  if (isForbidden(reason))
    return refused(
      `${name} refuses a command (${reason}): express-tenant-cache doctor tells which are missing`,
    );
  if (/RESP type|Protocol error/i.test(reason))
    return unreachable(`what answers at ${name} is no Redis (${reason})`);
  const advice = tlsAdvice(reason, servers.options.tls !== undefined);
  return unreachable(`${name} cannot be reached (${reason})${advice}`);
}
