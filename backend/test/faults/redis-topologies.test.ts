// The server process against Redis as operators have it: one server with TLS, Sentinel, a Cluster; for the state and for the cache.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { Queue } from "bullmq";
import { type Cluster, Redis } from "ioredis";
import { type BackendProcess, startBackendProcess } from "../../../scripts/backend-process.js";
import type { RedisServers } from "../../config/redis-servers.js";
import { createPool } from "../../db/pool.js";
import {
  createMigratedDatabase,
  createTestDatabase,
  startRedisServer,
  type TestDatabase,
} from "../../servers/index.js";
import { startRedisCluster } from "../../servers/redis-cluster.js";
import { startRedisSentinels } from "../../servers/redis-sentinel.js";
import { CERT_FILE, clientTls, KEY_FILE } from "../../servers/redis-tls.js";
import { until } from "../../servers/until.js";
import { hashPassword } from "../../services/auth/password.js";
import { queuePrefix, warmJobOptions } from "../../services/warming/warm-queue.js";
import { openRedis, type RedisClient } from "../../state/open-redis.js";
import { PASSWORD } from "../support/auth-crm.js";
import { SECRET, TENANT_A } from "../support/crm.js";
import { refusedStart } from "../support/forked-backend.js";
import { serversAt } from "../support/servers-at.js";

/** Of the state: the flags of `redis-cache`, which tests start, evict. */
const NO_EVICTION = ["--maxmemory-policy", "noeviction"];
/** Beside the name "localhost", which the certificate has, an address needs to be told which name is expected. */
const EXPECTED_NAME = { TLS_SERVERNAME: "localhost" };
const RETRY_AFTER_MS = 1000;
const TLS_FILES = { TLS_CA_FILE: CERT_FILE, TLS_CERT_FILE: CERT_FILE, TLS_KEY_FILE: KEY_FILE };

interface Topology {
  readonly url: string;
  /** What stands beside the URL, without REDIS_ or REDIS_CACHE_ in front. */
  readonly variables?: Readonly<Record<string, string>>;
  /** Ends the server that has the keys, and resolves when another one has taken its place. */
  failOver?(): Promise<void>;
  stop(): Promise<void>;
}

const hostPorts = (nodes: readonly { host: string; port: number }[]) =>
  nodes.map(({ host, port }) => `${host}:${port}`).join(",");

const TOPOLOGIES: Readonly<Record<string, () => Promise<Topology>>> = {
  "one server with TLS and a client certificate, by the certificate's name": async () => {
    const server = await startRedisServer({ args: NO_EVICTION, tls: true });
    return { url: `rediss://localhost:${server.port}/2`, variables: TLS_FILES, stop: () => server.stop() };
  },
  "one server with TLS and a password, by its address": async () => {
    const server = await startRedisServer({
      args: [...NO_EVICTION, "--requirepass", "p@ss/w:rd"],
      tls: true,
    });
    return {
      url: `rediss://:p%40ss%2Fw%3Ard@127.0.0.1:${server.port}`,
      variables: { ...TLS_FILES, ...EXPECTED_NAME },
      stop: () => server.stop(),
    };
  },
  Sentinel: async () => {
    const sentinels = await startRedisSentinels(undefined, { args: NO_EVICTION });
    return {
      url: `redis+sentinel://${hostPorts(sentinels.options.sentinels)}/${sentinels.options.name}/0`,
      failOver: async () => {
        await sentinels.master.kill();
        await sentinels.failedOver(sentinels.master.port);
      },
      stop: () => sentinels.stop(),
    };
  },
  "Sentinel with TLS, and passwords of servers and sentinels": async () => {
    const sentinels = await startRedisSentinels(undefined, {
      args: NO_EVICTION,
      tls: true,
      passwords: { servers: "of-the-servers", sentinels: "of-the-sentinels" },
    });
    const addresses = hostPorts(sentinels.options.sentinels);
    return {
      url: `rediss+sentinel://:of-the-servers@${addresses}/${sentinels.options.name}`,
      variables: { ...TLS_FILES, ...EXPECTED_NAME, SENTINEL_PASSWORD: "of-the-sentinels" },
      stop: () => sentinels.stop(),
    };
  },
  "a Cluster": async () => {
    const cluster = await startRedisCluster({ args: NO_EVICTION });
    return { url: `redis+cluster://${hostPorts(cluster.nodes)}`, stop: () => cluster.stop() };
  },
  "a Cluster with TLS and a password, by the name of one node": async () => {
    const cluster = await startRedisCluster({ args: NO_EVICTION, tls: true });
    for (const { url } of cluster.servers) {
      const node = new Redis(url, { tls: clientTls() });
      await node.config("SET", "requirepass", "secret");
      node.disconnect();
    }
    return {
      url: `rediss+cluster://:secret@localhost:${cluster.nodes[0]?.port}`,
      variables: { ...TLS_FILES, ...EXPECTED_NAME },
      stop: () => cluster.stop(),
    };
  },
};

for (const [name, startTopology] of Object.entries(TOPOLOGIES)) {
  describe(`the server with ${name}`, () => {
    const keyPrefix = `topology:${randomUUID()}:`;
    let database: TestDatabase;
    let topology: Topology;
    let servers: RedisServers;
    let admin: RedisClient;
    let backend: BackendProcess;

    beforeAll(async () => {
      [database, topology] = await Promise.all([createMigratedDatabase(), startTopology()]);
      await addUser(database.url);
      servers = serversAt(topology.url, topology.variables);
      admin = openRedis(servers, {
        enableOfflineQueue: true,
        maxRetriesPerRequest: null,
        connectionName: "test",
      });
      admin.on("error", () => undefined);
      backend = await startBackendProcess({
        env: { ...environment(database.url, topology), CACHE_KEY_PREFIX: keyPrefix },
        log: "stderr",
      });
    });
    afterAll(async () => {
      await backend?.stop();
      admin?.disconnect();
      await topology?.stop();
      await database?.drop();
    });

    const at = (path: string) => `http://127.0.0.1:${backend.port}${path}`;
    const get = (path: string, token: string) =>
      fetch(at(path), { headers: { authorization: `Bearer ${token}` } });
    const post = (path: string, body: object, headers: Record<string, string> = {}) =>
      fetch(at(path), {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: JSON.stringify(body),
      });

    async function login(): Promise<string> {
      const credentials = { tenant_id: TENANT_A, email: "admin@a.example", password: PASSWORD };
      let token = "";
      await until("a login", async () => {
        const answer = await post("/api/auth/login", credentials);
        if (answer.status !== 200) return false;
        const { data } = (await answer.json()) as { data: { access_token: string } };
        token = data.access_token;
        return true;
      });
      return token;
    }

    /** A list is a hit, and the entry is where it should be. */
    async function caches(token: string): Promise<void> {
      await until("a hit", async () => {
        const answer = await get("/api/accounts", token);
        assert.equal(answer.status, 200);
        return /; hit;/.test(answer.headers.get("cache-status") ?? "");
      });
      const entries = await keysOf(admin, `${keyPrefix}tenant:*accounts:list:*`);
      // Of the warm-up there may be another one: the count.
      assert.ok(entries.length > 0);
    }

    async function runsAJob(): Promise<void> {
      const queue = new Queue("warming", { connection: admin, prefix: queuePrefix(servers, keyPrefix) });
      queue.on("error", () => undefined);
      const job = await queue.add("all", {}, warmJobOptions(RETRY_AFTER_MS));
      assert.ok(job.id);
      const { id } = job;
      let state = "";
      await until("the job's end", async () => {
        state = await queue.getJobState(id);
        return ["completed", "failed", "unknown"].includes(state);
      });
      const { returnvalue, failedReason } = (await queue.getJob(id)) ?? {};
      await queue.close();
      assert.equal(state, "completed", failedReason);
      assert.deepEqual(
        (returnvalue as { plan: string }[]).map(({ plan }) => plan),
        ["users", "schedules", "reports", "accounts", "leads", "contacts", "bizdevsources"],
      );
    }

    test("a request is cached", async () => caches(await login()));

    test("a login is remembered, a logout is heard of", async () => {
      const token = await login();
      const sessions = (await (await get("/api/auth/sessions", token)).json()) as { data: unknown[] };
      assert.ok(sessions.data.length > 0);
      const bearer = { authorization: `Bearer ${token}` };
      assert.equal((await post("/api/auth/logout", {}, bearer)).status, 204);
      assert.equal((await get("/api/accounts", token)).status, 401);
      assert.equal((await keysOf(admin, `${keyPrefix}state:*auth:blacklist:*`)).length, 1);
    });

    test("requests, failed logins and single endpoints are counted", async () => {
      const token = await login();
      const remaining = async () =>
        Number(/r=(\d+)/.exec((await get("/api/leads", token)).headers.get("ratelimit") ?? "")?.[1]);
      await until("counting", async () => (await remaining()) - 1 === (await remaining()));
      assert.equal((await keysOf(admin, `${keyPrefix}state:rate-limit:sub:*`)).length, 1);
      const wrong = { tenant_id: TENANT_A, email: "admin@a.example", password: "wrong" };
      assert.equal((await post("/api/auth/login", wrong)).status, 401);
      // At the tenant, and at all of them.
      assert.equal((await keysOf(admin, `${keyPrefix}state:*auth:rate-limit:*`)).length, 2);
      const bearer = { authorization: `Bearer ${token}` };
      await post(`/api/credits/${randomUUID()}/email/add`, { amount: 1 }, bearer);
      assert.equal((await keysOf(admin, `${keyPrefix}state:*credits-add`)).length, 1);
    });

    test("a job of the queue is done", runsAJob);

    if (name !== "Sentinel") return;
    test("after a failover all of it goes on", async () => {
      await topology.failOver?.();
      await until("a hit of the new master", async () => {
        // What was not replicated is gone: a session, its token's revocation.
        const answer = await get("/api/accounts", await login());
        return answer.status === 200 && /; hit;/.test(answer.headers.get("cache-status") ?? "");
      });
      await runsAJob();
    });
  });
}

describe("the server with a Cluster that evicts keys", () => {
  test("says so and does not start", async () => {
    const [database, cluster] = await Promise.all([createTestDatabase(), startRedisCluster()]);
    // One of three is enough: nobody knows which keys it will hold.
    const [first] = cluster.nodes;
    const strict = serversAt(`redis+cluster://${hostPorts(cluster.nodes)}`);
    const admin = openRedis(strict, {
      enableOfflineQueue: true,
      maxRetriesPerRequest: null,
      connectionName: "test",
    }) as Cluster;
    try {
      for (const node of await mastersOf(admin))
        if (node.options.port !== first?.port) await node.config("SET", "maxmemory-policy", "noeviction");
      const env = environment(database.url, { url: `redis+cluster://${hostPorts(cluster.nodes)}` });
      assert.match(await refusedStart(env), /^cannot start: the Redis of REDIS_URL evicts keys/m);
    } finally {
      admin.disconnect();
      await cluster.stop();
      await database.drop();
    }
  });
});

/** Both connections to the same servers: their keys do not meet. */
function environment(
  databaseUrl: string,
  { url, variables = {} }: Pick<Topology, "url" | "variables">,
): NodeJS.ProcessEnv {
  const beside = (prefix: string) =>
    Object.entries(variables).map(([name, value]) => [`${prefix}_${name}`, value] as const);
  return {
    PATH: process.env.PATH,
    NODE_ENV: "test",
    PORT: "0",
    LOG_LEVEL: "silent",
    DATABASE_URL: databaseUrl,
    JWT_SECRET: SECRET,
    REDIS_URL: url,
    REDIS_CACHE_URL: url,
    ...Object.fromEntries([...beside("REDIS"), ...beside("REDIS_CACHE")]),
    // Far above what a busy machine takes.
    CACHE_BUDGET_MS: "5000",
  };
}

async function addUser(databaseUrl: string): Promise<void> {
  const pool = createPool({ databaseUrl, onError: () => undefined });
  await pool.query("INSERT INTO tenants (id, name) VALUES ($1, 'A')", [TENANT_A]);
  await pool.query(
    "INSERT INTO users (tenant_id, email, name, role, password_hash) VALUES ($1, 'admin@a.example', 'Admin', 'admin', $2)",
    [TENANT_A, await hashPassword(PASSWORD)],
  );
  await pool.end();
}

async function mastersOf(client: RedisClient): Promise<Redis[]> {
  if (!client.isCluster) return [client as Redis];
  await client.ping();
  return (client as Cluster).nodes("master");
}

async function keysOf(client: RedisClient, pattern: string): Promise<string[]> {
  return (await Promise.all((await mastersOf(client)).map((node) => node.keys(pattern)))).flat();
}
