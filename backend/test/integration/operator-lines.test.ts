// The valkey-cli lines of the docs: authenticated by what is around them, and failing where they are not.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { projectFile } from "../../project-root.js";
import { readComposeFile } from "../../servers/compose.js";
import { type RedisServer, startRedisServer } from "../../servers/index.js";

const file = readComposeFile();

describe("the lines that operators type", () => {
  const page = readFileSync(projectFile("docs", "operate", "operations.md"), "utf8");
  const section = page.split("\n## Docker and valkey-cli")[1]?.split("\n## ")[0] ?? "";
  const lines = [...section.matchAll(/`docker exec (\S+) valkey-cli ([^`…]+)`/g)];
  const PASSWORD = "a-password";
  let server: RedisServer;

  beforeAll(async () => {
    server = await startRedisServer({ args: ["--requirepass", PASSWORD] });
  });

  afterAll(() => server?.stop());

  const run = (words: string, environment: Record<string, string>) => {
    const args = [...words.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? "");
    const { hostname, port } = new URL(server.url);
    return spawnSync("redis-cli", ["-h", hostname, "-p", port, ...args], {
      encoding: "utf8",
      env: { PATH: process.env.PATH, ...environment },
    });
  };

  test("are authenticated by their container's environment, and without a password they fail", () => {
    assert.equal(
      run("--version", {}).error,
      undefined,
      "redis-cli is needed (Debian: apt-get install redis-tools)",
    );
    assert.ok(lines.length >= 9, String(lines.length));
    for (const [line, container = "", words = ""] of lines) {
      const { environment } =
        Object.values(file.services).find((each) => each.container_name === container) ?? {};
      assert.match(environment?.REDISCLI_AUTH ?? "", /^\$\{REDIS_(CACHE_)?PASSWORD:\?/, line);
      const authenticated = run(words, { REDISCLI_AUTH: PASSWORD });
      assert.equal(authenticated.status, 0, `${line}: ${authenticated.stdout}${authenticated.stderr}`);
      assert.doesNotMatch(authenticated.stdout, /NOAUTH|^ERR/, line);
      assert.notEqual(run(words, {}).status, 0, line);
    }
  });

  test("nowhere else in the docs is a line without -e, or a password in an argument", () => {
    const pages = readdirSync(projectFile("docs"), { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".md"))
      .map((name) => `docs/${name}`);
    for (const name of ["README.md", ...pages]) {
      const text = readFileSync(projectFile(name), "utf8");
      const calls = [...text.matchAll(/(?:redis|valkey)-cli (?!--cluster)(?:-\S|[A-Z])[^`\n]*/g)];
      for (const [call] of calls) {
        assert.match(call, /-cli (?:-[hp] \S+ )*-e\b/, `${name}: ${call}`);
        assert.doesNotMatch(call, / -a /, `${name}: ${call}`);
      }
    }
  });
});
