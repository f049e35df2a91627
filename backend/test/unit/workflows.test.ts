// What .github has GitHub run, against the repository: its YAML is valid, and what it calls is there.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, test } from "@jest/globals";
import { parseDocument } from "yaml";
import { projectFile } from "../../project-root.js";

interface Job {
  readonly permissions?: Readonly<Record<string, string>>;
  readonly strategy?: { readonly matrix: Readonly<Record<string, readonly unknown[]>> };
  readonly steps: readonly { readonly run?: string; readonly "working-directory"?: string }[];
}
interface Workflow {
  readonly permissions: Readonly<Record<string, string>>;
  readonly jobs: Readonly<Record<string, Job>>;
}

const FOLDER = projectFile(".github");
const files = readdirSync(FOLDER, { recursive: true, encoding: "utf8" }).filter((name) =>
  name.endsWith(".yml"),
);
const text = (...parts: string[]) => readFileSync(projectFile(...parts), "utf8");
const workflow = (name: string): Workflow => parseDocument(text(".github", "workflows", name)).toJS();
const { suites, databases } = workflow("ci.yml").jobs;
const manifest = JSON.parse(text("package.json"));

describe(".github", () => {
  test("is valid YAML", () => {
    assert.ok(files.length >= 5);
    for (const file of files) {
      const { errors, warnings } = parseDocument(text(".github", file));
      assert.deepEqual([...errors, ...warnings], [], file);
    }
  });

  test("runs scripts of the manifest, and tests that exist", () => {
    const commands = files
      .filter((file) => file.startsWith("workflows"))
      .flatMap((file) => Object.values(workflow(path.basename(file)).jobs))
      .flatMap(({ steps }) => steps.flatMap(({ run }) => run?.split("\n") ?? []));
    const tests = commands.filter((command) => command.startsWith("npm test"));
    assert.ok(tests.includes("npm test") && tests.length >= 4);
    const known = readdirSync(projectFile("backend"), { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".test.ts"))
      .map((name) => `backend/${name.replaceAll("\\", "/")}`);
    for (const command of tests) {
      const [, parts = ""] = command.split(" -- ");
      // Folders, or what the names of several begin with.
      for (const part of parts.split(" ").filter(Boolean))
        assert.ok(
          known.some((file) => file.startsWith(part)),
          part,
        );
    }
    for (const [, name = ""] of commands.join("\n").matchAll(/npm run ([\w:-]+)/g))
      assert.ok(name in manifest.scripts, name);
  });

  test("tries the oldest Node of the manifest, and the oldest and the shipped PostgreSQL of the documentation", () => {
    const oldest = manifest.engines.node.replace(">=", "");
    assert.equal(suites?.strategy?.matrix.node?.[0], oldest);
    const versions = databases?.strategy?.matrix.postgres ?? [];
    const [, documented] =
      /PostgreSQL (\d+) or newer/.exec(text("docs", "operate", "configuration.md")) ?? [];
    const [, shipped] = /image: postgres:(\d+)/.exec(text("docker-compose.yml")) ?? [];
    assert.deepEqual([versions[0], versions.at(-1)], [documented, shipped]);
  });

  test("lets one job alone sign a package, and it writes nothing", () => {
    const { permissions, jobs } = workflow("release.yml");
    assert.deepEqual(permissions, { contents: "read" });
    const signing = Object.entries(jobs).filter(([, job]) => job.permissions?.["id-token"]);
    assert.deepEqual(
      signing.map(([name, job]) => [name, job.permissions]),
      [["publish", { contents: "read", "id-token": "write" }]],
    );
    const publish = jobs.publish?.steps.find(({ run }) => run?.includes("npm publish"));
    assert.match(publish?.run ?? "", /--provenance/);
    assert.equal(publish?.["working-directory"], "backend/cache");
  });
});
