// The command line before it asks anybody: help, wrong arguments, targets that are not there, and what is loaded for it.
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, test } from "@jest/globals";
import { afterTest } from "../../../servers/in-test.js";
import { runCommand, runHere } from "../support/command-line.js";

const COMMANDS = ["doctor", "stats", "keys", "top", "tail", "explain", "advice", "purge", "warm"];
/** Nobody listens there. */
const NOWHERE = "redis://127.0.0.1:1";

describe("help", () => {
  test("names every command; each has its options and examples", async () => {
    const { code, stdout } = await runHere(["--help"]);
    assert.equal(code, 0);
    for (const name of COMMANDS) assert.match(stdout, new RegExp(`^ {2}${name} `, "m"));
    for (const name of COMMANDS) {
      const own = await runHere([name, "--help"]);
      assert.equal(own.code, 0);
      assert.match(own.stdout, /--json/);
      assert.match(own.stdout, new RegExp(`Examples:\n {2}express-tenant-cache ${name}`));
    }
  });

  test("--version is the package's", async () => {
    const { stdout, code } = await runHere(["--version"]);
    assert.match(stdout, /^\d+\.\d+\.\d+\n$/);
    assert.equal(code, 0);
  });

  test("loads commander, and nothing of the cache or of Redis", async () => {
    const list = 'process.on("exit", () => console.error(Object.keys(require.cache).join("\\n")))';
    const { stderr } = await runCommand(["--help"], { NODE_OPTIONS: `--require ${written(list)}` });
    const loaded = stderr.split("\n").filter((line) => line.endsWith(".js"));
    assert.ok(loaded.some((file) => file.includes("commander")));
    const others = loaded.filter((file) =>
      /ioredis|\/redis\/(?!redis-url|url-servers)|tenant-cache\.js|zod|lru-cache/.test(file),
    );
    assert.deepEqual(others, []);
  });
});

describe("wrong arguments end with 2, and say what to write", () => {
  const cases: [readonly string[], RegExp][] = [
    [[], /Usage:/],
    [["pruge"], /unknown command 'pruge'[\s\S]*purge/],
    [["doctor", "--frobnicate"], /unknown option '--frobnicate'/],
    [["doctor", "extra", "--redis", NOWHERE], /too many arguments/],
    [["doctor"], /no target: write --redis/],
    [["stats"], /--redis .* or --app/],
    [["doctor", "--app", "http://h"], /--redis in the place of --app/],
    [["explain", "/a", "--redis", NOWHERE], /--app in the place of --redis/],
    [["stats", "--app", "http://h", "--redis", NOWHERE], /--redis is for a Redis, and --app for an app/],
    [["stats", "--app", "http://h", "--prefix", "crm:"], /--prefix is for a Redis/],
    [["explain", "--app", "http://h"], /write the URL of a request/],
    [["keys", "--redis", NOWHERE, "--module", "m"], /--module needs --tenant/],
    [["keys", "--redis", NOWHERE, "--limit", "0"], /whole number from 1/],
    [["top", "--redis", NOWHERE, "--interval", "fast"], /seconds from 0.2/],
    [["tail", "--redis", NOWHERE, "--event", "hit"], /are of an app/],
    [["purge", "--redis", NOWHERE], /write what/],
    [["purge", "--redis", NOWHERE, "--tenant", "a", "--yes"], /--reason/],
    [["doctor", "--redis", "http://h"], /redis:\/\/host:6379/],
    [["doctor", "--redis", "@/nowhere"], /cannot be read/],
  ];
  for (const [args, told] of cases)
    test(args.join(" ") || "(none)", async () => {
      const { code, stdout, stderr } = await runHere(args);
      assert.equal(code, 2, stderr);
      assert.match(stderr, told);
      assert.equal(stdout, "");
    });

  test("with --json as a value, too", async () => {
    for (const args of [
      ["doctor", "--json", "--frobnicate"],
      ["keys", "--json"],
    ]) {
      const { code, stdout } = await runHere(args);
      assert.equal(code, 2);
      assert.equal(JSON.parse(stdout).error.code, "ETC_CLI_ARGUMENTS");
    }
  });
});

describe("a target that is not there ends with 3", () => {
  for (const command of ["doctor", "stats", "keys", "top", "tail"])
    test(command, async () => {
      const { code, stdout, stderr } = await runHere([command, "--redis", NOWHERE, "--json"]);
      assert.equal(code, 3, stderr);
      assert.equal(JSON.parse(stdout).error.code, "ETC_CLI_UNREACHABLE");
      assert.match(stderr, /127\.0\.0\.1:1 cannot be reached \(connect ECONNREFUSED/);
    });

  test("one that never answers, after --timeout", async () => {
    const silent = createServer(() => undefined).listen(0, "127.0.0.1");
    afterTest(() => silent.close());
    afterTest(() => silent.closeAllConnections());
    await once(silent, "listening");
    const { port } = silent.address() as AddressInfo;
    const { code, stderr } = await runHere([
      "stats",
      "--app",
      `http://127.0.0.1:${port}/ops`,
      "--timeout",
      "0.3",
    ]);
    assert.equal(code, 3);
    assert.match(stderr, /no answer within 300 ms/);
  });

  test("Sentinel and Cluster", async () => {
    for (const url of ["redis+sentinel://127.0.0.1:1/main", "redis+cluster://127.0.0.1:1"]) {
      const { code, stderr } = await runHere(["stats", "--redis", url, "--timeout", "1"]);
      assert.equal(code, 3, stderr);
    }
  });
});

/** A file that another process may be told to load. */
function written(text: string): string {
  const folder = mkdtempSync(path.join(tmpdir(), "etc-cli-"));
  afterTest(() => rmSync(folder, { recursive: true }));
  const file = path.join(folder, "list.cjs");
  writeFileSync(file, text);
  return file;
}
