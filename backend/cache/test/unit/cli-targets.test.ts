// Which target a command asks, and what a purge is about: from options and the environment.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { appTarget } from "../../src/cli/app-target.js";
import { type PurgeOptions, purgeScope, scopeText } from "../../src/cli/purge-scope.js";
import { redisTarget } from "../../src/cli/redis-target.js";
import { eitherTarget } from "../../src/cli/targets.js";
import { isError } from "../../src/thrown.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), "etc-cli-"));
});
afterAll(() => rmSync(folder, { recursive: true }));
const file = (name: string, text: string) => {
  writeFileSync(path.join(folder, name), text);
  return `@${path.join(folder, name)}`;
};
const refusal = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    assert.ok(isError(error) && "code" in error && error.code === "ETC_CLI_ARGUMENTS", String(error));
    return error.message;
  }
  return assert.fail("not refused");
};

describe("a Redis", () => {
  test("an option goes before variables, the cache's own variable before the general one", () => {
    const env = { REDIS_URL: "redis://general", REDIS_CACHE_URL: "redis://own", CACHE_KEY_PREFIX: "crm:" };
    assert.equal(redisTarget({}, {}), undefined);
    assert.equal(redisTarget({}, { REDIS_URL: "redis://general" })?.name, "general:6379");
    assert.equal(redisTarget({}, env)?.name, "own:6379");
    assert.equal(redisTarget({}, env)?.prefix, "crm:");
    const given = redisTarget({ redis: "redis://given:7000/3", prefix: "" }, env);
    assert.deepEqual([given?.name, given?.prefix], ["given:7000, database 3", ""]);
  });

  test("a password: from the variable, or beside the URL; one in the arguments is noticed, and none repeated", () => {
    const beside = { REDISCLI_AUTH: "p@ss" };
    assert.equal(redisTarget({ redis: "redis://h" }, beside)?.servers.options.password, "p@ss");
    const { options } = redisTarget({ redis: "redis://cache@h" }, beside)?.servers ?? assert.fail();
    assert.deepEqual([options.username, options.password], ["cache", "p@ss"]);
    assert.equal(redisTarget({ redis: "redis://:own@h" }, beside)?.servers.options.password, "own");
    assert.equal(redisTarget({ redis: "redis://:own@h" }, {})?.isPasswordShown, true);
    assert.equal(redisTarget({}, { REDIS_URL: "redis://:own@h" })?.isPasswordShown, false);
    const inFile = redisTarget({ redis: file("url", "redis://:own@h\n") }, {});
    assert.deepEqual([inFile?.servers.options.password, inFile?.isPasswordShown], ["own", false]);
    assert.doesNotMatch(
      refusal(() => redisTarget({ redis: "redis://u:secret@h/x" }, {})),
      /secret/,
    );
  });

  test("TLS: files by option or variable, refused beside a URL without", () => {
    const ca = file("ca.pem", "a certificate");
    const target = redisTarget({ redis: "rediss://h", tlsCa: ca.slice(1), tlsServername: "other" }, {});
    assert.deepEqual(target?.servers.options.tls, { servername: "other", ca: "a certificate" });
    const byVariable = redisTarget({}, { REDIS_URL: "rediss://h", REDIS_TLS_CA_FILE: ca.slice(1) });
    assert.equal(byVariable?.servers.options.tls?.ca, "a certificate");
    assert.match(
      refusal(() => redisTarget({ redis: "redis://h", tlsCa: ca.slice(1) }, {})),
      /rediss/,
    );
    assert.match(
      refusal(() => redisTarget({ redis: "rediss://h", tlsCa: "/nowhere" }, {})),
      /--tls-ca.*ENOENT/,
    );
  });

  test("a prefix that no cache has is refused", () => {
    assert.match(
      refusal(() => redisTarget({ redis: "redis://h", prefix: "a b" }, {})),
      /--prefix/,
    );
  });
});

describe("an app", () => {
  test("where it is mounted, and who asks: by variables, by header, by the URL; none of it is shown", () => {
    assert.equal(appTarget({}, {}), undefined);
    const byVariable = appTarget({}, { ETC_APP_URL: "http://h:3000/ops", ETC_APP_TOKEN: "t" });
    assert.equal(byVariable?.base.href, "http://h:3000/ops/");
    assert.equal(byVariable?.headers.get("authorization"), "Bearer t");
    const header = file("headers", "X-Role: operator\nAuthorization: Bearer other\n");
    const byFile = appTarget({ app: "https://h/ops/?x=1", header: [header] }, { ETC_APP_TOKEN: "t" });
    assert.equal(byFile?.base.href, "https://h/ops/");
    assert.equal(byFile?.headers.get("authorization"), "Bearer other");
    assert.equal(byFile?.headers.get("x-role"), "operator");
    const basic = appTarget({ app: "http://ada:secret@h/ops" }, {});
    assert.doesNotMatch(basic?.name ?? "", /secret/);
    assert.match(basic?.headers.get("authorization") ?? "", /^Basic /);
  });

  test("what is no URL or header is refused, and not repeated", () => {
    assert.match(
      refusal(() => appTarget({ app: "localhost" }, {})),
      /--app/,
    );
    assert.match(
      refusal(() => appTarget({ app: "redis://h" }, {})),
      /--redis is for a Redis/,
    );
    const undecodable = refusal(() => appTarget({ app: "http://ada:secret%zz@h" }, {}));
    assert.match(undecodable, /--app has a % that is no percent-encoding/);
    assert.doesNotMatch(undecodable, /secret/);
    const told = refusal(() => appTarget({ app: "http://h", header: ["secret"] }, {}));
    assert.doesNotMatch(told, /secret/);
  });
});

describe("a command that can ask either", () => {
  const both = { REDIS_CACHE_URL: "redis://h", ETC_APP_URL: "http://h/ops" };

  test("asks the app where variables name both, and what an option is about where there is one", () => {
    assert.equal(eitherTarget({}, both).kind, "app");
    assert.equal(eitherTarget({}, { REDIS_URL: "redis://h" }).kind, "redis");
    assert.equal(eitherTarget({ redis: "redis://other" }, both).kind, "redis");
    assert.equal(eitherTarget({ prefix: "crm:" }, both).kind, "redis");
    assert.equal(eitherTarget({ header: ["a: b"] }, both).kind, "app");
    assert.equal(eitherTarget({ app: "http://other" }, both).name, "http://other/");
  });

  test("refuses options of both, and to have none", () => {
    assert.match(
      refusal(() => eitherTarget({ prefix: "crm:", app: "http://h" }, {})),
      /--prefix is for a Redis, and --app for an app/,
    );
    assert.match(
      refusal(() => eitherTarget({}, {})),
      /no target: write --redis .* or --app/,
    );
  });
});

describe("a purge", () => {
  const cases: [PurgeOptions, string][] = [
    [{ tenant: "acme" }, "all of tenant acme"],
    [{ tenant: "acme", module: ["a", "b"] }, "a, b of tenant acme"],
    [{ tenant: "acme", tag: ["x"] }, "what carries tag x, of tenant acme"],
    [{ tenant: "acme", url: "/a?b=1" }, "/a?b=1 of tenant acme"],
    [{ module: ["a"] }, "a, of all tenants"],
    [{ everything: true }, "everything, of all tenants"],
  ];
  for (const [options, text] of cases)
    test(text, () => {
      assert.equal(scopeText(purgeScope(options)), text);
    });

  const wrong: [PurgeOptions, RegExp][] = [
    [{}, /write what/],
    [{ tag: ["x"] }, /--tag needs --tenant/],
    [{ url: "/a" }, /--url needs --tenant/],
    [{ tenant: "a", module: ["m"], url: "/a" }, /--module and --url together/],
    [{ everything: true, tenant: "a" }, /--everything is of all/],
    [{ tenant: "a", url: "accounts" }, /--url is a path/],
    [{ tenant: "a", yes: true }, /--reason/],
    [{ tenant: "a", yes: true, reason: "  " }, /--reason/],
    [{ tenant: "a", yes: true, reason: "x".repeat(201) }, /200 characters/],
  ];
  for (const [options, told] of wrong)
    test(`refused: ${JSON.stringify(options).slice(0, 60)}`, () => {
      assert.match(
        refusal(() => purgeScope(options)),
        told,
      );
    });
});
