// `stats` and `keys` on a Redis: what is stored of whom, from indexes; also with a small ACL, TLS, a Cluster and Sentinel.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { Redis } from "ioredis";
import { closeAfterTest } from "../../../servers/in-test.js";
import { type RedisServer, startRedisServer } from "../../../servers/index.js";
import { startRedisCluster } from "../../../servers/redis-cluster.js";
import { startRedisSentinels } from "../../../servers/redis-sentinel.js";
import { CERT_FILE, clientTls, KEY_FILE } from "../../../servers/redis-tls.js";
import { runHere } from "../support/command-line.js";
import { type FilledServer, fillRedis, startFilledRedis } from "../support/filled-redis.js";

const PREFIX = "crm:";
const TENANTS = { acme: { accounts: 5, leads: 1 }, globex: { accounts: 1 } };

/** Entries by tenant and module, of `stats --json`. */
function entriesOf(stdout: string): object {
  const { tenants } = JSON.parse(stdout) as {
    tenants: Record<string, { modules: Record<string, { entries: number; bytes: number }> }>;
  };
  return Object.fromEntries(
    Object.entries(tenants).map(([tenant, { modules }]) => [
      tenant,
      Object.fromEntries(Object.entries(modules).map(([module, { entries }]) => [module, entries])),
    ]),
  );
}

describe("a server", () => {
  let server: RedisServer;
  let admin: Redis;
  let filled: FilledServer;
  let env: NodeJS.ProcessEnv;

  beforeAll(async () => {
    filled = await startFilledRedis(PREFIX);
    ({ server, env } = filled);
    admin = new Redis(server.url);
  });
  afterAll(async () => {
    admin.disconnect();
    await filled.close();
  });
  const json = async (...args: string[]) => {
    const { code, stdout, stderr } = await runHere([...args, "--json"], env);
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout);
  };

  test("stats: by tenant and module, as the cache counts it, and nothing of other prefixes", async () => {
    const { code, stdout } = await runHere(["stats", "--json"], env);
    assert.equal(code, 0);
    assert.deepEqual(entriesOf(stdout), TENANTS);
    const { totals, server: figures, complete } = JSON.parse(stdout);
    assert.deepEqual([totals.tenants, totals.entries, complete], [2, 7, true]);
    assert.ok(figures.usedMemoryBytes > 0);
    const own = await filled.cache.stats({ perTenant: true });
    assert.equal(totals.bytes, (own.tenants?.acme?.quotaBytes ?? 0) + (own.tenants?.globex?.quotaBytes ?? 0));
    const text = await runHere(["stats", "--tenant", "acme"], env);
    assert.match(text.stdout, /6 entries of 1 tenant,/);
    assert.match(text.stdout, /acme +accounts +5 /);
    assert.doesNotMatch(text.stdout, /globex/);
    const other = await runHere(["stats", "--json", "--prefix", "other:"], env);
    assert.deepEqual(JSON.parse(other.stdout).totals, { tenants: 0, entries: 0, bytes: 0 });
  });

  test("keys: tenants, their modules, and entries a page at a time; no body is shown", async () => {
    const { tenants } = await json("keys");
    assert.deepEqual(tenants.map(({ tenant }: { tenant: string }) => tenant).sort(), ["acme", "globex"]);
    const { modules } = await json("keys", "--tenant", "acme");
    assert.deepEqual(
      modules.map(({ module, entries }: { module: string; entries: number }) => [module, entries]),
      [
        ["accounts", 5],
        ["leads", 1],
      ],
    );
    const urls: string[] = [];
    let after: string[] = [];
    for (let page = 0; page < 3; page++) {
      const args = ["keys", "--tenant", "acme", "--module", "accounts", "--limit", "2", ...after];
      const { entries, next } = await json(...args);
      urls.push(...entries.map(({ url }: { url: string }) => url));
      for (const { status, bytes, lifeSeconds } of entries) {
        assert.equal(status, 200);
        assert.ok(bytes > 100 && lifeSeconds > 0 && lifeSeconds <= 180);
      }
      assert.equal(next === null, page === 2);
      after = ["--after", String(next)];
    }
    assert.deepEqual(
      urls.sort(),
      [0, 1, 2, 3, 4].map((page) => `/accounts?page=${page}`),
    );
    const text = await runHere(["keys", "--tenant", "acme", "--module", "accounts"], env);
    assert.doesNotMatch(text.stdout, /xxx/);
    const none = await runHere(["keys", "--prefix", ""], env);
    assert.match(none.stdout, /is --prefix missing\?/);
  });

  test("never KEYS", async () => {
    await admin.config("RESETSTAT");
    for (const args of [
      ["stats"],
      ["keys"],
      ["keys", "--tenant", "acme"],
      ["doctor"],
      ["tail", "--no-follow"],
    ])
      await runHere(args, env);
    assert.doesNotMatch(await admin.info("commandstats"), /cmdstat_keys:/);
  });

  test("keys of others steer no terminal", async () => {
    const evil = "ev\u001b[31mil";
    await admin.zadd(`${PREFIX}generations:${evil}`, 1, "m:g");
    await admin.zadd(`${PREFIX}index:${evil}:m:_`, 1e15, "x");
    await admin.zadd(`${PREFIX}generations:${evil}`, 1, "m:_");
    const { stdout } = await runHere(["keys"], env);
    assert.match(stdout, /ev \[31mil/);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is not to be there.
    assert.doesNotMatch(stdout, /\u001b/);
    await admin.unlink(`${PREFIX}generations:${evil}`, `${PREFIX}index:${evil}:m:_`);
  });

  test("a small ACL: what is missing is told, and the rest is shown; nothing crashes", async () => {
    await admin.call("ACL", "SETUSER", "small", "on", ">secret", `~${PREFIX}*`, "+info", "+dbsize", "+time");
    const small = { ...env, REDIS_CACHE_URL: server.url.replace("://", "://small:secret@") };
    const stats = await runHere(["stats"], small);
    assert.equal(stats.code, 0, stats.stderr);
    assert.match(stats.stderr, /what is stored cannot be shown: NOPERM .*ACL: allow \+scan/);
    assert.match(stats.stdout, /memory/);
    const keys = await runHere(["keys"], small);
    assert.equal(keys.code, 4);
    assert.match(keys.stderr, /ETC_CLI_REFUSED.*\+scan/);
    assert.doesNotMatch(keys.stderr + stats.stderr, /secret|at .*\.js/);
    await admin.call(
      "ACL",
      "SETUSER",
      "small",
      "+scan",
      "+zrange",
      "+mget",
      "+zcard",
      "+zscore",
      "+zrangebyscore",
      "+strlen",
    );
    const page = await runHere(["keys", "--tenant", "acme", "--module", "leads"], small);
    assert.equal(page.code, 0, page.stderr);
    assert.match(page.stderr, /URLs are not shown.*\+getrange/);
    assert.match(page.stdout, /crm:tenant:acme:leads:list:/);
    await admin.call("ACL", "SETUSER", "nobody", "on", ">secret", `~${PREFIX}*`);
    const nobody = await runHere(["stats"], {
      ...env,
      REDIS_CACHE_URL: server.url.replace("://", "://nobody:secret@"),
    });
    assert.equal(nobody.code, 4);
  });

  test("a wrong password ends with 4; one in the arguments is warned of and never repeated", async () => {
    await admin.call("ACL", "SETUSER", "cli", "on", ">s3cret", "~*", "+@all");
    const wrong = await runHere(["stats", "--redis", server.url.replace("://", "://cli:wr0ng@")], {});
    assert.equal(wrong.code, 4);
    assert.match(wrong.stderr, /others on this machine can see/);
    assert.match(wrong.stderr, /refuses the password \(WRONGPASS/);
    assert.doesNotMatch(wrong.stderr + wrong.stdout, /wr0ng/);
    const right = await runHere(
      ["stats", "--redis", server.url.replace("://", "://cli@"), "--prefix", PREFIX],
      {
        REDISCLI_AUTH: "s3cret",
      },
    );
    assert.equal(right.code, 0, right.stderr);
    assert.equal(right.stderr, "");
  });
});

describe("where the library goes", () => {
  test("TLS with a client's certificate", async () => {
    const server = await startRedisServer({ tls: true });
    closeAfterTest(
      { close: () => server.stop() },
      await fillRedis({ host: server.host, port: server.port, tls: clientTls() }, PREFIX),
    );
    const url = `rediss://${server.host}:${server.port}`;
    const tls = [
      "--tls-ca",
      CERT_FILE,
      "--tls-cert",
      CERT_FILE,
      "--tls-key",
      KEY_FILE,
      "--tls-servername",
      "localhost",
    ];
    const { code, stdout, stderr } = await runHere([
      "stats",
      "--json",
      "--redis",
      url,
      "--prefix",
      PREFIX,
      ...tls,
    ]);
    const untrusted = await runHere(["stats", "--redis", url]);
    assert.equal(code, 0, stderr);
    assert.deepEqual(entriesOf(stdout), TENANTS);
    assert.equal(untrusted.code, 3, untrusted.stderr);
  });

  test("a Cluster", async () => {
    const cluster = await startRedisCluster();
    closeAfterTest({ close: () => cluster.stop() }, await fillRedis({ cluster: cluster.nodes }, PREFIX));
    const env = {
      REDIS_CACHE_URL: `redis+cluster://${cluster.nodes.map(({ host, port }) => `${host}:${port}`).join(",")}`,
      CACHE_KEY_PREFIX: PREFIX,
    };
    const stats = await runHere(["stats", "--json"], env);
    const keys = await runHere(["keys", "--tenant", "acme", "--module", "leads"], env);
    const doctor = await runHere(["doctor", "--json"], env);
    const tail = await runHere(["tail", "--no-follow", "--json"], env);
    const purge = ["purge", "--tenant", "acme", "--yes", "--reason", "a test", "--json"];
    const purged = await runHere(purge, env);
    const asSingle = await runHere(["doctor", "--json", "--redis", cluster.servers[0]?.url ?? ""], env);
    assert.equal(stats.code, 0, stats.stderr);
    assert.deepEqual(entriesOf(stats.stdout), TENANTS);
    assert.match(keys.stdout, /\/leads/);
    const { findings, nodes } = JSON.parse(doctor.stdout);
    assert.equal(nodes.length, 3);
    const wrong = findings.filter(({ severity }: { severity: string }) => severity === "error");
    assert.deepEqual(wrong, []);
    assert.equal(JSON.parse(tail.stdout).tenant, "globex");
    assert.equal(JSON.parse(purged.stdout).confirmed, true, purged.stderr);
    const { findings: told } = JSON.parse(asSingle.stdout);
    assert.ok(
      told.some(
        ({ id, severity }: { id: string; severity: string }) => id === "cluster" && severity === "error",
      ),
    );
    await cluster.servers[1]?.kill();
    const address = `127.0.0.1:${cluster.nodes[1]?.port}`;
    const oneAway = await runHere(["doctor", "--json"], env);
    assert.equal(oneAway.code, 1, oneAway.stdout);
    const seen = JSON.parse(oneAway.stdout);
    const away = seen.findings.find(({ id }: { id: string }) => id === "node");
    assert.deepEqual([away.severity, away.node, seen.nodes.length], ["error", address, 2]);
    const unread = await runHere(["stats"], env);
    assert.equal(unread.code, 0, unread.stderr);
    assert.ok(unread.stderr.includes(`${address} does not answer: what is in its slots`), unread.stderr);
    const everything = await runHere(["purge", "--everything", "--yes", "--reason", "a test"], env);
    assert.ok([1, 3].includes(everything.code ?? 0), everything.stdout);
  });

  test("a server that is of another kind than the URL says is told at once", async () => {
    const server = await startRedisServer();
    const tls = await startRedisServer({ tls: true });
    const sentinels = await startRedisSentinels();
    closeAfterTest(...[server, tls, sentinels].map((each) => ({ close: () => each.stop() })));
    const at = `${server.host}:${server.port}`;
    const [sentinel] = sentinels.options.sentinels;
    const cases: [url: string, code: number, told: RegExp][] = [
      [`redis+cluster://${at}`, 2, /is no Cluster .*: write redis:\/\/ /],
      [`redis+sentinel://${at}/cache`, 2, /is no sentinel: write redis:\/\/ /],
      [`redis+sentinel://${sentinel?.host}:${sentinel?.port}/nobody`, 2, /know no master of that name/],
      [`redis://${tls.host}:${tls.port}`, 3, /where it speaks TLS, write rediss /],
      [`rediss://${tls.host}:${tls.port}`, 3, /with --tls-ca/],
    ];
    for (const [url, code, told] of cases)
      for (const command of [["doctor"], ["stats"], ["purge", "--everything"]]) {
        const { stderr, ...ended } = await runHere([...command, "--redis", url]);
        assert.deepEqual([url, command, ended.code], [url, command, code], stderr);
        assert.match(stderr, told);
      }
  });

  test("the master that sentinels name", async () => {
    const sentinels = await startRedisSentinels();
    closeAfterTest({ close: () => sentinels.stop() }, await fillRedis(sentinels.options, PREFIX));
    const { sentinels: addresses, name } = sentinels.options;
    const url = `redis+sentinel://${addresses.map(({ host, port }) => `${host}:${port}`).join(",")}/${name}`;
    const { code, stdout, stderr } = await runHere(["stats", "--json", "--redis", url, "--prefix", PREFIX]);
    const doctor = await runHere(["doctor", "--json", "--redis", url, "--prefix", PREFIX]);
    const replica = await runHere(["doctor", "--json", "--redis", sentinels.replica.url]);
    assert.equal(code, 0, stderr);
    assert.deepEqual(entriesOf(stdout), TENANTS);
    const [master] = JSON.parse(doctor.stdout).nodes;
    assert.equal(master.address, `127.0.0.1:${sentinels.master.port}`);
    assert.equal(master.role, "master");
    assert.equal(replica.code, 1);
    const { findings } = JSON.parse(replica.stdout);
    assert.ok(
      findings.some(
        ({ id, severity }: { id: string; severity: string }) => id === "role" && severity === "error",
      ),
    );
  });
});
