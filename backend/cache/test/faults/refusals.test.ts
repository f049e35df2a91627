// Servers that answer and refuse: what a user sees, one line for each change that lasts, and no coming and going.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdirSync, rmSync } from "node:fs";
import { connect } from "node:net";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, describe, test } from "@jest/globals";
import type { Request } from "express";
import { Redis } from "ioredis";
import { tell } from "../../../servers/in-test.js";
import { type RedisServer, startRedisServer } from "../../../servers/index.js";
import { until } from "../../../servers/until.js";
import type { TenantCacheOptions } from "../../src/index.js";
import { READY_WITHIN_MS } from "../support/caches.js";
import { serve } from "../support/http-app.js";
import { untilHit } from "../support/until-hit.js";
import { openWatched, withoutRestated } from "../support/watched-cache.js";

/** Each after twice the pause of the one before, from 50 ms on: three quarters of a second, and longer where turns are long. */
const ATTEMPTS = 5;
const TENANTS = ["acme-ltd", "tenant-1"];
/** What must be in no log line. */
const KEYS = /acme-ltd|tenant-1|fence:|lease:|index:|generations:|tenant:/;

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

interface Situation {
  readonly name: string;
  readonly args?: readonly string[];
  /** What the cache connects with; by default the server's URL. */
  redis?(server: RedisServer): TenantCacheOptions["redis"];
  before?(server: RedisServer, admin: Redis): Promise<unknown>;
  begin(server: RedisServer, admin: Redis): Promise<unknown>;
  end(server: RedisServer, admin: Redis): Promise<unknown>;
  readonly says: RegExp;
  /** What the reason is in the end. Where it is set, another one may be told once more. */
  readonly becomes?: RegExp;
  /** Whether entries that are there are still served; "at first": until a change has been refused. */
  readonly servesHits?: boolean | "at first";
  /** How often everything is asked for meanwhile. Default: until the server has been tried {@link ATTEMPTS} times. */
  readonly rounds?: number;
  /** Default 10 s: the server answers. Short where it does not, so that each request would wait so long. */
  readonly budgetMs?: number;
}

const asUser = ({ host, port }: RedisServer) => `redis://cache:secret@${host}:${port}`;
const newUser = (_server: RedisServer, admin: Redis) =>
  admin.call("ACL", "SETUSER", "cache", "reset", "on", ">secret", "~*", "&*", "+@all");

const situations: readonly Situation[] = [
  {
    name: "OOM under noeviction",
    args: ["--maxmemory-policy", "noeviction"],
    begin: (_server, admin) => admin.config("SET", "maxmemory", "1"),
    end: (_server, admin) => admin.config("SET", "maxmemory", "512mb"),
    says: /store full \(OOM .*\); what is stored is served, nothing new is stored/,
    servesHits: true,
  },
  {
    name: "NOREPLICAS",
    begin: (_server, admin) => admin.config("SET", "min-replicas-to-write", "1"),
    end: (_server, admin) => admin.config("SET", "min-replicas-to-write", "0"),
    says: /store away \(NOREPLICAS /,
    servesHits: "at first",
  },
  {
    name: "MISCONF",
    before: (_server, admin) => admin.config("SET", "save", "900 1"),
    async begin(server, admin) {
      const [, folder = ""] = (await admin.config("GET", "dir")) as string[];
      // Where the snapshot belongs there is a folder already.
      const inTheWay = path.join(folder, "dump.rdb");
      mkdirSync(path.join(inTheWay, "x"), { recursive: true });
      obstacles.set(server, inTheWay);
      await admin.bgsave();
      while (!/rdb_last_bgsave_status:err/.test(await admin.info("persistence"))) await delay(10);
    },
    async end(server, admin) {
      rmSync(obstacles.get(server) ?? "", { recursive: true });
      await admin.bgsave();
      while (!/rdb_last_bgsave_status:ok/.test(await admin.info("persistence"))) await delay(10);
    },
    says: /store away \(MISCONF /,
    servesHits: "at first",
  },
  {
    name: "NOPERM: a command is taken from the user",
    redis: asUser,
    before: newUser,
    begin: (_server, admin) => admin.call("ACL", "SETUSER", "cache", "-evalsha", "-eval"),
    end: newUser,
    says: /store away \(NOPERM .*'eval'.*; ACL: allow \+eval \+evalsha\)/,
  },
  {
    name: "NOPERM: a command of the scripts",
    redis: asUser,
    before: newUser,
    begin: (_server, admin) => admin.call("ACL", "SETUSER", "cache", "-zadd"),
    end: newUser,
    says: /store away \(.*zadd.*; ACL: allow \+zadd\)/i,
  },
  {
    name: "NOPERM: keys are taken from the user",
    redis: asUser,
    before: newUser,
    begin: (_server, admin) => admin.call("ACL", "SETUSER", "cache", "resetkeys", "~other:*"),
    end: newUser,
    says: /store away \(.*access.*key.*; ACL: allow ~\*, or ~ and the keyPrefix\)/i,
  },
  {
    name: "WRONGPASS: the password is another one",
    redis: asUser,
    before: newUser,
    async begin(_server, admin) {
      await admin.call("ACL", "SETUSER", "cache", "resetpass", ">another");
      await admin.call("CLIENT", "KILL", "USER", "cache");
    },
    end: newUser,
    // A server that takes its time to say why is told as a connection that closes, and why it was later.
    says: /store away \((?:WRONGPASS |connection closed)/,
    becomes: /^WRONGPASS /,
  },
  {
    name: "the URL leads to a replica",
    begin: (_server, admin) => admin.replicaof("127.0.0.1", 1),
    end: (_server, admin) => admin.replicaof("NO", "ONE"),
    says: /store away \(READONLY: the server is a replica of 127\.0\.0\.1:1/,
  },
  {
    name: "BUSY",
    args: ["--lua-time-limit", "100"],
    async begin(server) {
      const busy = new Redis(server.url);
      busy.on("error", () => undefined);
      cleanups.push(() => busy.disconnect());
      await busy.ping();
      busy.eval("while true do end", 0).catch(() => undefined);
    },
    end: (_server, admin) => admin.call("SCRIPT", "KILL"),
    // While nobody has asked for it to stop, it does not even say that it is busy.
    says: /store away \((BUSY |no answer within )/,
    becomes: /^(?:BUSY |no answer within )/,
    budgetMs: 250,
  },
  {
    name: "LOADING",
    budgetMs: 250,
    // A minute, unless it is told to hurry; it answers every few keys.
    args: ["--key-load-delay", "20000", "--loading-process-events-interval-bytes", "1024"],
    async before(_server, admin) {
      const values = Array.from({ length: 3000 }, (_, key) => [`other:${key}`, randomBytes(250)] as const);
      await admin.mset(values.flat());
      await admin.save();
    },
    async begin(server) {
      await server.kill();
      const loaded = server.restart();
      restarts.set(server, loaded);
      await untilItListens(server);
    },
    async end(server) {
      const hurried = new Redis(server.url, { enableReadyCheck: false });
      cleanups.push(() => hurried.disconnect());
      await hurried.config("SET", "key-load-delay", "0");
      await restarts.get(server);
    },
    // It is connected, and asked again and again which server it is: neither a probe nor a new connection.
    rounds: 50,
    // Before it has answered at all, that is what there is to say.
    says: /store away \((LOADING |connect ECONNREFUSED|connection closed|no answer within )/,
    becomes: /^LOADING /,
  },
  {
    name: "maxclients",
    async begin(_server, admin) {
      // The admin's is the only place.
      await admin.config("SET", "maxclients", "1");
      await admin.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
    },
    end: (_server, admin) => admin.config("SET", "maxclients", "1000"),
    says: /store away \((?:ERR max number of clients reached|connection closed)/,
    becomes: /^ERR max number of clients reached/,
  },
];

const obstacles = new WeakMap<RedisServer, string>();
const restarts = new WeakMap<RedisServer, Promise<void>>();

function untilItListens({ host, port }: RedisServer): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(port, host, () => {
      socket.destroy();
      resolve();
    });
    socket.on("error", () =>
      setTimeout(() => void untilItListens({ host, port } as RedisServer).then(resolve), 5),
    );
  });
}

describe("a server that answers and refuses", () => {
  for (const situation of situations) {
    test(situation.name, async () => {
      const server = await startRedisServer(situation.args ? { args: situation.args } : {});
      const admin = new Redis(server.url, { retryStrategy: () => 20, maxRetriesPerRequest: null });
      admin.on("error", () => undefined);
      cleanups.push(
        () => server.stop(),
        () => admin.disconnect(),
      );
      await situation.before?.(server, admin);
      const { budgetMs = 10_000 } = situation;
      const watched = openWatched({ redis: situation.redis?.(server) ?? server.url, budgetMs });
      const { cache, lines } = watched;
      assert.equal(await cache.ready(READY_WITHIN_MS), true);
      const versions = new Map(TENANTS.map((tenant) => [tenant, 0]));
      const app = await serve((express) => {
        const tenantOf = (req: Request) => req.get("x-tenant") ?? "";
        express.get("/list/:n", cache.cacheList("accounts"), (req, res) => {
          res.json(versions.get(tenantOf(req)));
        });
        express.post("/list", cache.invalidateCache("accounts"), (req, res) => {
          versions.set(tenantOf(req), (versions.get(tenantOf(req)) ?? 0) + 1);
          res.sendStatus(201);
        });
      });
      cleanups.push(
        () => cache.close(),
        () => app.close(),
      );
      const read = async (path: string, tenant: string) => {
        const answer = await app.request(path, { tenant });
        assert.equal(answer.status, 200);
        assert.equal(Number(answer.body), versions.get(tenant));
        return answer.cache;
      };
      const readAndStore = async (path: string, tenant: string) => {
        const status = await read(path, tenant);
        await cache.idle();
        return { status };
      };
      for (const tenant of TENANTS) await untilHit(tenant, () => readAndStore("/list/hit", tenant));

      await situation.begin(server, admin);
      if (situation.servesHits) assert.equal(await read("/list/hit", "tenant-1"), "hit");
      // Another reason that lasts is told once more.
      const told = () => (situation.becomes ? withoutRestated(lines) : lines);
      const passes = watched.passes();
      const attempts = () => watched.probes() + cache.health().reconnectAttempts;
      const before = attempts();
      // Reads that could be hits, reads that fill, and changes, of several tenants, until it has been tried so often.
      const isOver = (round: number) =>
        situation.rounds === undefined ? attempts() >= before + ATTEMPTS : round >= situation.rounds;
      for (let round = 0; !isOver(round); round++) {
        for (const tenant of TENANTS) {
          await Promise.all([read("/list/hit", tenant), read(`/list/${round}`, tenant)]);
          if (round % 3 === 0)
            assert.equal((await app.request("/list", { method: "POST", tenant })).status, 201);
        }
      }
      assert.equal(watched.passes(), passes, "it was never taken for usable");
      if (situation.servesHits !== true)
        assert.equal(await read("/list/hit", "tenant-1"), "fwd=bypass; detail=store-unavailable");
      // A connection that closes has a second to tell why.
      while (told().length === 0) await delay(5);
      const { becomes } = situation;
      while (becomes && !becomes.test(cache.health().reason ?? "")) await read("/list/hit", "tenant-1");
      assert.equal(told().length, 1, lines.join("\n"));
      assert.match(lines[0] ?? "", situation.says);
      const { reason, connected } = cache.health();
      const line = lines[0]?.replace(/\(.*\)/, `(${reason})`) ?? "";
      assert.match(line, situation.says, "health() has the same reason, or a newer one");
      await until("stats() have the same reason", async () => {
        return (await cache.stats()).store.reason === cache.health().reason;
      });
      assert.equal(connected, situation.servesHits === true);

      await situation.end(server, admin);
      const endedAtMs = performance.now();
      assert.equal(await cache.ready(READY_WITHIN_MS), true);
      while (told().length < 2) await delay(5);
      tell(`in use ${((performance.now() - endedAtMs) / 1000).toFixed(1)} s after it could be`);
      await untilHit("/list/after", async () => {
        const answer = await readAndStore("/list/after", "tenant-1");
        // Only within a short budget does a busy machine pass requests by.
        if (situation.budgetMs === undefined) assert.match(answer.status, /^(?:fwd=miss; stored|hit)$/);
        return answer;
      });
      assert.match(told()[1] ?? "", /store (back|has room again) after [\d.]+ s/);
      assert.equal(cache.health().reason, null);
      assert.equal(told().length, 2, lines.join("\n"));
      assert.doesNotMatch(lines.join("\n"), KEYS, "whose keys is not told");
    });
  }
});
