// The variables of a connection to Redis: what each URL means, and what those that are wrong are told to be instead.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import fc from "fast-check";
import {
  describeServers,
  type RedisServers,
  redisOption,
  redisServersFrom,
} from "../../config/redis-servers.js";
import { readTextFile } from "../../config/secret-files.js";
import { ConfigError, parseConfig } from "../../config.js";
import { projectFile } from "../../project-root.js";
import { CERT_FILE, KEY_FILE } from "../../servers/redis-tls.js";

const PREFIXES = ["REDIS", "REDIS_CACHE"] as const;

function from(variables: Record<string, string>, prefix: (typeof PREFIXES)[number] = "REDIS") {
  const env = Object.fromEntries(
    Object.entries(variables).map(([name, value]) => [`${prefix}_${name}`, value]),
  );
  return redisServersFrom(prefix, env, readTextFile);
}

function servers(variables: Record<string, string>): RedisServers {
  const { value, problems } = from(variables);
  assert.deepEqual(problems, []);
  assert.ok(value);
  return value;
}

const at = (URL: string) => servers({ URL });

/** The one thing that is wrong, without the variable's name. */
function problemOf(variables: Record<string, string>): string {
  const { value, problems } = from(variables);
  assert.equal(value, undefined, JSON.stringify(variables));
  assert.equal(problems.length, 1, problems.join("\n"));
  const [problem = ""] = problems;
  assert.doesNotMatch(problem, /\n/);
  return problem;
}

describe("host, port and password of one server", () => {
  test("are its URL in other words; a password is as it is", () => {
    assert.deepEqual(servers({ HOST: "redis" }), {
      kind: "single",
      options: { host: "redis", port: 6379, db: 0 },
    });
    for (const host of ["::1", "[::1]"]) {
      assert.deepEqual(servers({ HOST: host, PORT: " 6380 ", PASSWORD: "p@ss/w:%rd" }), {
        kind: "single",
        options: { host: "::1", port: 6380, db: 0, password: "p@ss/w:%rd" },
      });
    }
    for (const prefix of PREFIXES)
      assert.deepEqual(from({ HOST: "10.0.0.7" }, prefix).value, at("redis://10.0.0.7"));
  });

  test("name no server without a host, and say nothing where there is a URL", () => {
    assert.deepEqual(from({ PORT: "6380", PASSWORD: "secret" }), { value: undefined, problems: [] });
    const beside = { HOST: "other", PORT: "7000", PASSWORD: "other" };
    assert.deepEqual(servers({ URL: "redis://one:7001", ...beside }), at("redis://one:7001"));
  });

  test("that are none are told what to write, and a password is never repeated", () => {
    for (const HOST of ["redis://redis", "redis:6379", "a,b", "user@redis", "re dis"])
      assert.match(problemOf({ HOST, PASSWORD: "secret" }), /^REDIS_HOST: must be a name .*REDIS_URL/);
    for (const PORT of ["0", "65536", "six", "-1", "6379/0"])
      assert.equal(
        problemOf({ HOST: "redis", PORT, PASSWORD: "secret" }),
        "REDIS_PORT: must be a whole number from 1 to 65535",
      );
  });
});

describe("the URL of Redis servers", () => {
  test("one server: address, user, password, database", () => {
    assert.deepEqual(at("redis://127.0.0.1"), {
      kind: "single",
      options: { host: "127.0.0.1", port: 6379, db: 0 },
    });
    assert.deepEqual(at(" REDIS://user:p%40ss%2Fw%3Ard@redis-1.example:7000/3 "), {
      kind: "single",
      options: { host: "redis-1.example", port: 7000, db: 3, username: "user", password: "p@ss/w:rd" },
    });
    assert.deepEqual(at("redis://:secret@[::1]:6380/"), {
      kind: "single",
      options: { host: "::1", port: 6380, db: 0, password: "secret" },
    });
    assert.deepEqual(at("redis://:@redis_cache"), {
      kind: "single",
      options: { host: "redis_cache", port: 6379, db: 0 },
    });
    assert.deepEqual(at("redis://redis.internal?family=6").options.family, 6);
  });

  test("sentinels: the master's name, passwords of servers and of sentinels, TLS for both", () => {
    assert.deepEqual(at("redis+sentinel://a:26380,b,[::1]:5/mymaster/1"), {
      kind: "sentinel",
      options: {
        sentinels: [
          { host: "a", port: 26380 },
          { host: "b", port: 26379 },
          { host: "::1", port: 5 },
        ],
        name: "mymaster",
        db: 1,
        failoverDetector: true,
        sentinelCommandTimeout: 2000,
      },
    });
    const { options } = servers({
      URL: "rediss+sentinel://user:secret@a, b/my-master",
      SENTINEL_USERNAME: "watcher",
      SENTINEL_PASSWORD: "quiet",
      TLS_SERVERNAME: "redis.example",
    });
    assert.deepEqual([options.username, options.password], ["user", "secret"]);
    assert.deepEqual([options.sentinelUsername, options.sentinelPassword], ["watcher", "quiet"]);
    assert.deepEqual(options.tls, { servername: "redis.example" });
    assert.deepEqual(options.sentinelTLS, { servername: "redis.example" });
    assert.equal(options.enableTLSForSentinelMode, true);
  });

  test("a Cluster: nodes to learn the others from", () => {
    const cluster = at("redis+cluster://:secret@a:7000,b/0");
    const nodes = [
      { host: "a", port: 7000 },
      { host: "b", port: 6379 },
    ];
    assert.deepEqual(cluster, { kind: "cluster", nodes, options: { password: "secret" } });
    assert.deepEqual(redisOption(cluster), { cluster: nodes, redisOptions: { password: "secret" } });
  });

  test("TLS: the CA's and the client's certificate from files; a single server is asked for by its name", () => {
    const files = { TLS_CA_FILE: CERT_FILE, TLS_CERT_FILE: CERT_FILE, TLS_KEY_FILE: KEY_FILE };
    const { tls } = servers({ URL: "rediss://redis.example", ...files }).options;
    const [cert, key] = [readTextFile(CERT_FILE), readTextFile(KEY_FILE)];
    assert.deepEqual(tls, { servername: "redis.example", ca: cert, cert, key });
    assert.deepEqual(at("rediss://10.0.0.1").options.tls, {});
    assert.deepEqual(at("rediss+cluster://redis.example").options.tls, {});
    assert.deepEqual(servers({ URL: "rediss://10.0.0.1", TLS_SERVERNAME: "redis.example" }).options.tls, {
      servername: "redis.example",
    });
  });

  test("is described without its secrets", () => {
    const described = [
      "rediss://:secret@a",
      "redis+sentinel://:secret@a,b/m",
      "redis+cluster://:secret@a,b:1",
    ].map((url) => describeServers(at(url)));
    assert.deepEqual(described, ["a:6379, TLS", "Sentinel, master m", "Cluster, a:6379, b:1"]);
  });

  test("what is wrong says what to write instead", () => {
    const wrong: readonly (readonly [url: string, told: RegExp])[] = [
      ["localhost:6379", /has no scheme: write redis:\/\/host:6379/],
      ["http://localhost", /unknown scheme: write redis:/],
      ["redis:/localhost", /has no scheme/],
      ["redis-sentinel://a/m", /redis\+sentinel:\/\/ here/],
      ["sentinel://a;b", /redis\+sentinel:\/\/ here/],
      ["redis-cluster://a", /redis\+cluster:\/\/ here/],
      ["valkey://a", /redis:\/\/ .*also for Valkey/],
      ["redis://", /address that is none: write host:port/],
      ["redis:///0", /address that is none/],
      ["redis://a,b", /redis\+sentinel:.*redis\+cluster:/],
      ["redis://a:0", /write host:port/],
      ["redis://a:65536", /write host:port/],
      ["redis://a:b", /write host:port/],
      ["redis://::1", /\[::1\]:6379/],
      ["redis+cluster://a,,b", /write host:port/],
      ["redis://:p/w@host", /percent-encoded/],
      ["redis://:p@w@host", /percent-encoded/],
      ["redis://:p#w@host", /percent-encoded/],
      ["redis://:p?w@host", /percent-encoded|parameters/],
      ["redis://:50%@host", /write %25/],
      ["redis://secret@host", /user:password@, or :password@/],
      ["redis://user:@host", /user:password@, or :password@/],
      ["redis://host/db1", /number of the database: \/1/],
      ["redis://host/1/2", /number of the database/],
      ["redis+sentinel://host", /redis\+sentinel:\/\/host1:26379,host2:26379\/mymaster/],
      ["redis+sentinel://host//0", /name the master/],
      ["redis+sentinel://host/mymaster/first", /\/mymaster\/1/],
      ["redis+cluster://host/1", /database 0 alone.*CACHE_KEY_PREFIX/],
      ["redis://host?tls=true", /\?family=4/],
      ["redis://host?family=ipv6", /neither 4 nor 6/],
    ];
    for (const [url, told] of wrong) {
      assert.match(problemOf({ URL: url }), told, url);
      assert.match(problemOf({ URL: url }), /^REDIS_URL: /);
    }
  });

  test("is either taken or told about, and never repeated", () => {
    const secret = "hunter2";
    fc.assert(
      fc.property(
        fc.constantFrom("redis", "rediss", "redis+sentinel", "redis+cluster", "http", ""),
        fc.string({ maxLength: 12 }),
        fc.string({ maxLength: 12 }),
        (scheme, before, behind) => {
          const { value, problems } = from({ URL: `${scheme}://${before}${secret}${behind}` });
          assert.equal(value === undefined, problems.length > 0);
          for (const problem of problems) assert.doesNotMatch(problem, /hunter2/);
        },
      ),
      { numRuns: 3000 },
    );
  });
});

describe("what stands beside the URL", () => {
  const tls = { URL: "rediss://a" };

  test("means nothing without it", () => {
    for (const name of ["SENTINEL_PASSWORD", "TLS_CA_FILE", "TLS_SERVERNAME"])
      assert.equal(problemOf({ [name]: "x" }), `REDIS_${name}: says nothing without REDIS_URL`);
  });

  test("must fit it", () => {
    assert.match(
      problemOf({ URL: "redis://a", TLS_CA_FILE: CERT_FILE }),
      /^REDIS_TLS_CA_FILE: .*rediss instead/,
    );
    assert.match(
      problemOf({ URL: "redis://a", SENTINEL_PASSWORD: "x" }),
      /^REDIS_SENTINEL_PASSWORD: .*redis\+sentinel/,
    );
    assert.match(
      problemOf({ URL: "redis+sentinel://a/m", SENTINEL_USERNAME: "x" }),
      /^REDIS_SENTINEL_USERNAME: needs REDIS_SENTINEL_PASSWORD/,
    );
  });

  test("certificates and keys are looked at when the process starts", () => {
    const noFile = projectFile("backend/no-such.pem");
    const noCertificate = projectFile("README.md");
    assert.match(problemOf({ ...tls, TLS_CA_FILE: noFile }), /^REDIS_TLS_CA_FILE: .*ENOENT.*write the path/);
    assert.match(problemOf({ ...tls, TLS_CA_FILE: noCertificate }), /^REDIS_TLS_CA_FILE: .*PEM/);
    assert.match(
      problemOf({ ...tls, TLS_CERT_FILE: CERT_FILE }),
      /^REDIS_TLS_CERT_FILE: needs REDIS_TLS_KEY_FILE/,
    );
    assert.match(
      problemOf({ ...tls, TLS_KEY_FILE: KEY_FILE }),
      /^REDIS_TLS_KEY_FILE: needs REDIS_TLS_CERT_FILE/,
    );
    assert.match(
      problemOf({ ...tls, TLS_CERT_FILE: CERT_FILE, TLS_KEY_FILE: noCertificate }),
      /^REDIS_TLS_CERT_FILE: is no certificate of REDIS_TLS_KEY_FILE/,
    );
    assert.match(problemOf({ ...tls, TLS_SERVERNAME: "10.0.0.1" }), /^REDIS_TLS_SERVERNAME: must be a name/);
  });

  test("both connections have the same variables, and each its own", () => {
    const wrong = { URL: "redis+cluster://a/7", TLS_CA_FILE: "" };
    const [state, cache] = PREFIXES.map((prefix) => from(wrong, prefix).problems);
    assert.deepEqual(
      cache,
      state?.map((problem) => problem.replace("REDIS_", "REDIS_CACHE_")),
    );
    const config = parseConfig({
      DATABASE_URL: "postgres://crm@127.0.0.1/crm",
      REDIS_URL: "redis+sentinel://a/state",
      REDIS_SENTINEL_PASSWORD: "of-the-state",
      REDIS_CACHE_URL: "redis+cluster://b",
    });
    assert.equal(config.redis?.options.sentinelPassword, "of-the-state");
    assert.equal(config.redisCache?.kind, "cluster");
    assert.throws(
      () => parseConfig({ REDIS_URL: "x", REDIS_CACHE_URL: "y" }),
      (error) => {
        assert.ok(error instanceof ConfigError);
        const names = error.problems.map((problem) => problem.split(":", 1)[0]).sort();
        assert.deepEqual(names, ["DATABASE_URL", "REDIS_CACHE_URL", "REDIS_URL"]);
        return true;
      },
    );
  });
});
