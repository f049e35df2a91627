// `doctor` on real servers: each right of the least rule taken away is told, trying changes nothing, and a good server is ok.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { Redis } from "ioredis";
import { closeAfterTest } from "../../../servers/in-test.js";
import { type RedisServer, startRedisServer } from "../../../servers/index.js";
import { KEY_FAMILIES, keyRules, LEAST_COMMANDS } from "../../src/store/redis/least-user.js";
import { runHere } from "../support/command-line.js";
import { fillRedis } from "../support/filled-redis.js";

interface Found {
  readonly id: string;
  readonly severity: string;
  readonly says: string;
  readonly means: string | null;
  readonly write: string | null;
  readonly commands?: readonly string[];
}

const PREFIX = "crm:";
const RULES = LEAST_COMMANDS.flat().map(({ command }) => `+${command}`);

describe("doctor", () => {
  let server: RedisServer;
  let admin: Redis;
  let env: NodeJS.ProcessEnv;

  beforeAll(async () => {
    server = await startRedisServer({ args: ["--maxmemory", "256mb", "--maxmemory-policy", "allkeys-lru"] });
    admin = new Redis(server.url);
    env = { REDIS_CACHE_URL: server.url, CACHE_KEY_PREFIX: PREFIX };
  });
  afterAll(async () => {
    admin.disconnect();
    await server.stop();
  });

  const setUser = (name: string, ...rules: string[]) =>
    admin.call("ACL", "SETUSER", name, "reset", "on", ">secret", `~${PREFIX}*`, ...rules);
  const as = (user: string) => ({ ...env, REDIS_CACHE_URL: server.url.replace("://", `://${user}:secret@`) });
  const doctor = async (environment: NodeJS.ProcessEnv, ...args: string[]) => {
    const { code, stdout, stderr } = await runHere(["doctor", "--json", ...args], environment);
    const { findings = [] } = JSON.parse(stdout || "{}") as { findings?: Found[] };
    return { code, stderr, findings };
  };
  const missingOf = (findings: readonly Found[]) => findings.flatMap(({ commands = [] }) => commands).sort();

  test("a good server and the least user: all ok, and nothing has changed", async () => {
    closeAfterTest(await fillRedis(server.url, PREFIX));
    await setUser("least", ...RULES);
    const before = await admin.dbsize();
    await admin.call("ACL", "LOG", "RESET");
    const { code, findings, stderr } = await doctor(as("least"));
    // How long round trips take is a matter of the machine that tests run on.
    const wrong = findings.filter(({ id, severity }) => severity !== "ok" && id !== "latency");
    assert.deepEqual(wrong, [], stderr);
    assert.ok(code === 0 || findings.some(({ id, severity }) => id === "latency" && severity === "warning"));
    assert.equal(await admin.dbsize(), before);
    // Beside ACL WHOAMI, which tells the user's name where it may, nothing was asked that is not in the rule.
    const refused = ((await admin.call("ACL", "LOG")) as string[][]).map((entry) => String(entry[7]));
    assert.deepEqual(
      [...new Set(refused)].filter((what) => what !== "acl|whoami"),
      [],
    );
  });

  test("each command that is missing is told, with the line that allows it", async () => {
    for (const { command, harmless } of LEAST_COMMANDS.flat()) {
      if (!harmless) continue;
      await setUser("lacking", ...RULES.filter((rule) => rule !== `+${command}`), "+acl|whoami");
      const { findings, code } = await doctor(as("lacking"));
      assert.deepEqual(missingOf(findings), [command]);
      const found = findings.find(({ commands }) => commands?.includes(command));
      assert.equal(found?.write, `ACL SETUSER lacking +${command}`);
      assert.ok(found?.means);
      if (found?.severity !== "info") assert.equal(code, 1, command);
    }
  });

  test("keys that are missing are told by family", async () => {
    const rules = keyRules(PREFIX);
    assert.deepEqual(rules, [`~${PREFIX}*`]);
    const some = KEY_FAMILIES.filter((family) => family !== "causes").map(
      (family) => `~${PREFIX}${family}:*`,
    );
    await admin.call("ACL", "SETUSER", "keys", "reset", "on", ">secret", ...some, ...RULES);
    const { findings } = await doctor(as("keys"));
    const found = findings.find(({ id }) => id === "acl-keys");
    assert.match(found?.says ?? "", /begin with crm:causes:$/);
    assert.match(found?.write ?? "", /ACL SETUSER \S+ '~crm:\*'/);
    assert.deepEqual(missingOf(findings), []);
  });

  test("what values above 2 KB take is advice", async () => {
    const families = KEY_FAMILIES.filter((family) => family !== "parked");
    const rules = RULES.filter((rule) => rule !== "+rename");
    const keys = families.map((family) => `~${PREFIX}${family}:*`);
    await admin.call("ACL", "SETUSER", "before", "reset", "on", ">secret", ...keys, ...rules);
    const { findings, code } = await doctor(as("before"));
    const told = findings.filter(({ id }) => id.startsWith("acl"));
    assert.deepEqual(
      told.map(({ id, severity }) => [id, severity]),
      [
        ["acl-parking", "info"],
        ["acl-parking-keys", "info"],
      ],
    );
    assert.match(told[0]?.write ?? "", / \+rename$/);
    // How long round trips take is a matter of the machine that tests run on.
    const wrong = findings.filter(({ severity }) => severity === "error" || severity === "warning");
    assert.deepEqual(
      wrong.filter(({ id }) => id !== "latency"),
      [],
    );
    assert.equal(code, wrong.length === 0 ? 0 : 1);
  });

  test("another user's rights, by ACL DRYRUN", async () => {
    await setUser("app", ...RULES.filter((rule) => rule !== "+eval" && rule !== "+xadd"));
    const { findings } = await doctor(env, "--acl-user", "app");
    assert.deepEqual(missingOf(findings), ["eval", "xadd"]);
    const unknown = await doctor(env, "--acl-user", "nobody");
    assert.equal(unknown.code, 4);
    assert.match(unknown.stderr, /has no user nobody/);
    await setUser("least", ...RULES);
    const refused = await doctor(as("least"), "--acl-user", "app");
    assert.equal(refused.code, 4);
    assert.match(refused.stderr, /--acl-user needs a user who may use ACL DRYRUN/);
  });

  test("a user who may do nothing", async () => {
    await setUser("nothing");
    const { findings, code } = await doctor(as("nothing"));
    assert.equal(code, 1);
    const tried = LEAST_COMMANDS.flat().filter(({ harmless }) => harmless);
    assert.deepEqual(missingOf(findings), tried.map(({ command }) => command).sort());
  });

  test("keys of others, and a prefix that was forgotten", async () => {
    await admin.set("session:abc", "1");
    const others = (await doctor(env)).findings.find(({ id }) => id === "keys");
    assert.equal(others?.severity, "info");
    assert.match(others?.says ?? "", /session:/);
    const forgotten = (await doctor({ ...env, CACHE_KEY_PREFIX: "" })).findings.find(
      ({ id }) => id === "keys",
    );
    assert.equal(forgotten?.write, "--prefix crm:");
    await admin.unlink("session:abc");
  });

  test("what is set wrong, as people read it", async () => {
    await admin.config("SET", "maxmemory", "0");
    await admin.config("SET", "maxmemory-policy", "noeviction");
    const { code, stdout } = await runHere(["doctor"], env);
    assert.equal(code, 1);
    assert.match(stdout, /warning +maxmemory +no bound/);
    assert.match(stdout, /warning +maxmemory-policy +noeviction\n[\s\S]*write: maxmemory-policy allkeys-lru/);
    assert.match(stdout, /ok +version +\w+ \d+\.\d+/);
    assert.match(stdout, /0 errors, [23] warnings\n$/);
  });
});
