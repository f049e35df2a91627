// The environment: defaults, everything that is wrong at once, and what production refuses.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "@jest/globals";
import { ConfigError, DEVELOPMENT_JWT_SECRET, parseConfig, VARIABLES } from "../../config.js";
import { projectFile } from "../../project-root.js";

const DATABASE_URL = "postgres://crm@127.0.0.1/crm";

function problemsOf(env: Record<string, string>): readonly string[] {
  try {
    parseConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe("configuration", () => {
  test("has defaults for all but the database; empty values count as not set", () => {
    const config = parseConfig({ DATABASE_URL, PORT: "", REDIS_URL: "", SOMETHING_ELSE: "1" });
    assert.equal(config.PORT, 4001);
    assert.equal(config.redis, undefined);
    assert.equal(config.CACHE_TTL_LIST_SECONDS, 180);
    assert.equal(config.CACHE_MAX_BYTES_PER_TENANT, 64 * 1024 * 1024);
    assert.equal(config.JWT_SECRET, DEVELOPMENT_JWT_SECRET);
    assert.equal(config.MIGRATE_ON_START, true);
  });

  test("says everything that is wrong at once, one line each", () => {
    const problems = problemsOf({
      PORT: "99999",
      CACHE_BUDGET_MS: "soon",
      REDIS_CACHE_URL: "http://x",
      JWT_SECRET: "short",
    });
    assert.deepEqual(problems.map((problem) => problem.split(":", 1)[0]).sort(), [
      "CACHE_BUDGET_MS",
      "DATABASE_URL",
      "JWT_SECRET",
      "PORT",
      "REDIS_CACHE_URL",
    ]);
    for (const problem of problems) assert.doesNotMatch(problem, /\n/);
  });

  test("never repeats a secret", () => {
    assert.doesNotMatch(
      problemsOf({ DATABASE_URL: "mysql://root:hunter2@x", JWT_SECRET: "hunter2" }).join("\n"),
      /hunter2/,
    );
  });

  test("production refuses the development secret, given or implied", () => {
    const production = { DATABASE_URL, NODE_ENV: "production" };
    assert.equal(problemsOf(production).length, 1);
    assert.equal(problemsOf({ ...production, JWT_SECRET: DEVELOPMENT_JWT_SECRET }).length, 1);
    assert.equal(problemsOf({ ...production, JWT_SECRET: "x".repeat(31) }).length, 1);
    assert.equal(parseConfig({ ...production, JWT_SECRET: "x".repeat(32) }).JWT_SECRET, "x".repeat(32));
    assert.equal(
      parseConfig({ ...production, JWT_JWKS_URL: "https://id.example.com/jwks" }).JWT_SECRET,
      undefined,
    );
  });

  test("the end is announced to a proxy for five seconds in production, and where it is said so", () => {
    const production = { DATABASE_URL, NODE_ENV: "production", JWT_SECRET: "x".repeat(32) };
    assert.equal(parseConfig(production).SHUTDOWN_DELAY_MS, 5000);
    assert.equal(parseConfig({ ...production, SHUTDOWN_DELAY_MS: "0" }).SHUTDOWN_DELAY_MS, 0);
    assert.equal(parseConfig({ DATABASE_URL }).SHUTDOWN_DELAY_MS, 0);
    assert.equal(parseConfig({ DATABASE_URL, SHUTDOWN_DELAY_MS: "200" }).SHUTDOWN_DELAY_MS, 200);
  });

  test("a secret and a key set exclude each other", () => {
    const problems = problemsOf({
      DATABASE_URL,
      JWT_SECRET: "x".repeat(40),
      JWT_JWKS_URL: "https://id.example.com/jwks",
    });
    assert.deepEqual(problems, ["JWT_SECRET: set either JWT_SECRET or JWT_JWKS_URL, not both"]);
  });

  test(".env.example names every variable, with its default", () => {
    const lines = readFileSync(projectFile(".env.example"), "utf8").split("\n");
    const entries = lines.flatMap((line) => {
      const match = /^(#?)([A-Z][A-Z_]+)=(.*)$/.exec(line);
      return match ? [{ unset: match[1] === "#", name: match[2] ?? "", value: match[3] ?? "" }] : [];
    });
    const set = Object.fromEntries(
      entries.filter(({ unset }) => !unset).map(({ name, value }) => [name, value]),
    );
    assert.deepEqual(parseConfig({ ...set, DATABASE_URL }), parseConfig({ DATABASE_URL }));
    // One of them is read by docker compose alone.
    assert.deepEqual(entries.map(({ name }) => name).sort(), [...VARIABLES, "POSTGRES_PASSWORD"].sort());
  });
});
