// Keys of encryption, and secrets that stand in files.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { describe, test } from "@jest/globals";
import type { ReadFile } from "../../config/secret-files.js";
import { ConfigError, parseConfig, VARIABLES } from "../../config.js";

const DATABASE_URL = "postgres://crm@127.0.0.1/crm";

/** Files by their path. */
const reading =
  (files: Readonly<Record<string, string>>): ReadFile =>
  (path) => {
    const content = files[path];
    if (content === undefined) throw Object.assign(new Error("no such file"), { code: "ENOENT" });
    return content;
  };

function problemsOf(env: Record<string, string>, files: Record<string, string> = {}): readonly string[] {
  try {
    parseConfig({ DATABASE_URL, ...env }, reading(files));
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

const keysOf = (text: string) => parseConfig({ DATABASE_URL, CACHE_ENCRYPTION_KEYS: text }).encryption?.keys;

describe("CACHE_ENCRYPTION_KEYS", () => {
  const [first, second] = [randomBytes(32), randomBytes(32)];
  const [one, other] = [first.toString("base64"), second.toString("base64")];

  test("the first key seals, all of them open; not set, nothing is sealed", () => {
    const keys = [
      { id: "2026-11", secret: first },
      { id: "old_1", secret: second },
    ];
    assert.deepEqual(keysOf(`2026-11:${one},old_1:${other}`), keys);
    assert.deepEqual(keysOf(` 2026-11:${one} ,\n old_1:${other},\n`), keys);
    assert.deepEqual(keysOf(`2026-11:${first.toString("base64url")}`), keys.slice(0, 1));
    assert.equal(keysOf(""), undefined);
  });

  test("what is no key is told apart, with how to make one, and never repeated", () => {
    const short = randomBytes(16).toString("base64");
    const wrong: readonly (readonly [text: string, told: RegExp])[] = [
      [one, /key 1 has no id/],
      [`a:${short}`, /key 1 \("a"\) has 16 bytes instead of 32/],
      [`a:${one},b:${first.toString("hex")}`, /key 2 \("b"\) has 48 bytes instead of 32/],
      [`a:${one.slice(0, -4)}!!!!`, /key 1 \("a"\) is not base64/],
      [`a:`, /key 1 \("a"\) is not base64/],
      [`a b:${one}`, /key 1 has no id/],
      [`ä:${one}`, /at most 32 letters/],
      [`${"x".repeat(33)}:${one}`, /at most 32 letters/],
      [`:${one}`, /at most 32 letters/],
      [`a:${one},a:${other}`, /two keys have the id "a"/],
      [",", /holds no key/],
    ];
    for (const [text, told] of wrong) {
      const problems = problemsOf({ CACHE_ENCRYPTION_KEYS: text });
      assert.equal(problems.length, 1, text);
      assert.match(problems[0] ?? "", told);
      assert.match(problems[0] ?? "", /^CACHE_ENCRYPTION_KEYS: /);
      if (!/two keys/.test(problems[0] ?? "")) assert.match(problems[0] ?? "", /openssl rand -base64 32/);
      for (const secret of [one, other, short]) assert.ok(!problems[0]?.includes(secret.slice(0, 12)));
    }
  });
});

describe("secrets from files", () => {
  const names = VARIABLES.filter((name) => VARIABLES.includes(`${name}_FILE`));

  test("are those that are secrets", () => {
    assert.deepEqual([...names].sort(), [
      "AUDIT_SIGNING_KEY",
      "CACHE_ENCRYPTION_KEYS",
      "CRM_CONNECTIONS",
      "DATABASE_URL",
      "JWT_SECRET",
      "METRICS_TOKEN",
      "REDIS_CACHE_PASSWORD",
      "REDIS_CACHE_SENTINEL_PASSWORD",
      "REDIS_CACHE_URL",
      "REDIS_PASSWORD",
      "REDIS_SENTINEL_PASSWORD",
      "REDIS_URL",
      "SUBJECT_WRAPPING_KEYS",
    ]);
  });

  test("stand for the variables, without the end of the last line", () => {
    const key = randomBytes(32);
    const config = parseConfig(
      {
        DATABASE_URL: "",
        DATABASE_URL_FILE: "/run/secrets/database",
        JWT_SECRET_FILE: "/run/secrets/jwt",
        CACHE_ENCRYPTION_KEYS_FILE: "/run/secrets/keys",
        REDIS_URL_FILE: "/run/secrets/state",
        REDIS_SENTINEL_PASSWORD_FILE: "/run/secrets/sentinel",
      },
      reading({
        "/run/secrets/database": `${DATABASE_URL}\n`,
        "/run/secrets/jwt": `${"x".repeat(40)}\r\n`,
        "/run/secrets/keys": `new:${key.toString("base64")}\nold:${randomBytes(32).toString("base64")}\n`,
        "/run/secrets/state": "redis+sentinel://a/m\n",
        "/run/secrets/sentinel": "quiet\n",
      }),
    );
    assert.equal(config.DATABASE_URL, DATABASE_URL);
    assert.equal(config.JWT_SECRET, "x".repeat(40));
    assert.deepEqual(config.encryption?.keys[0], { id: "new", secret: key });
    assert.equal(config.redis?.options.sentinelPassword, "quiet");
  });

  test("a file that is not there, that is empty, or that stands beside the variable is one line", () => {
    for (const name of names) {
      const file = { [`${name}_FILE`]: "/run/secrets/one" };
      const plain = name === "DATABASE_URL" ? { DATABASE_URL: "" } : {};
      // What a sentinel's password says nothing without.
      const beside = name.endsWith("SENTINEL_PASSWORD")
        ? { [name.replace("SENTINEL_PASSWORD", "URL")]: "redis+sentinel://a/m" }
        : {};
      const env = { ...plain, ...beside, ...file };
      assert.deepEqual(problemsOf(env), [
        `${name}_FILE: cannot be read (ENOENT): write the path of a file that this process may read`,
      ]);
      assert.deepEqual(problemsOf(env, { "/run/secrets/one": " \n" }), [`${name}_FILE: the file is empty`]);
    }
    assert.deepEqual(
      problemsOf(
        { JWT_SECRET: "x".repeat(40), JWT_SECRET_FILE: "/run/secrets/one" },
        { "/run/secrets/one": "y" },
      ),
      ["JWT_SECRET_FILE: set either JWT_SECRET or JWT_SECRET_FILE, not both"],
    );
  });

  test("what is wrong in a file is told of the variable, and not repeated", () => {
    const problems = problemsOf({ JWT_SECRET_FILE: "/run/secrets/one" }, { "/run/secrets/one": "hunter2" });
    assert.equal(problems.length, 1);
    assert.match(problems[0] ?? "", /^JWT_SECRET: must have at least 32 bytes/);
    assert.doesNotMatch(problems[0] ?? "", /hunter2/);
  });
});

describe("SUBJECT_WRAPPING_KEYS and SUBJECT_SECRETS_FOLDER", () => {
  const key = randomBytes(32);
  const SUBJECT_WRAPPING_KEYS = `2027:${key.toString("base64")}`;

  test("together they are a key provider; neither: there is none", () => {
    const env = { DATABASE_URL, SUBJECT_WRAPPING_KEYS, SUBJECT_SECRETS_FOLDER: "/var/secrets" };
    assert.deepEqual(parseConfig(env).subjectKeys, {
      keys: [{ id: "2027", secret: key }],
      folder: "/var/secrets",
    });
    assert.equal(parseConfig({ DATABASE_URL, SUBJECT_SECRETS_FOLDER: "" }).subjectKeys, undefined);
  });

  test("one without the other, and keys that are none, are refused", () => {
    assert.match(
      problemsOf({ SUBJECT_WRAPPING_KEYS }).join("\n"),
      /^SUBJECT_SECRETS_FOLDER: is required beside/,
    );
    assert.match(
      problemsOf({ SUBJECT_SECRETS_FOLDER: "x" }).join("\n"),
      /^SUBJECT_SECRETS_FOLDER: says nothing without/,
    );
    const wrong = problemsOf({ SUBJECT_WRAPPING_KEYS: key.toString("base64"), SUBJECT_SECRETS_FOLDER: "x" });
    assert.equal(wrong.length, 1);
    assert.match(wrong[0] ?? "", /^SUBJECT_WRAPPING_KEYS: key 1 has no id/);
  });

  test("the keys may stand in a file", () => {
    const files = { "/run/secrets/keys": `${SUBJECT_WRAPPING_KEYS}\n` };
    const env = {
      DATABASE_URL,
      SUBJECT_WRAPPING_KEYS_FILE: "/run/secrets/keys",
      SUBJECT_SECRETS_FOLDER: "/s",
    };
    assert.deepEqual(parseConfig(env, reading(files)).subjectKeys?.keys, [{ id: "2027", secret: key }]);
  });
});
