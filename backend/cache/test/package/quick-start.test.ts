// The quick start of the package's README, done as a new user would: an empty folder, its commands, its code.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface, type Interface } from "node:readline";
import { afterAll, beforeAll, test } from "@jest/globals";
import { createNpmProject, install, packLibrary } from "./npm.js";
import { readmeCommands, readmeFile } from "./readme-blocks.js";

const project = createNpmProject();
let unreachable: string | undefined;
let server: ChildProcess | undefined;

beforeAll(async () => {
  const { file } = await packLibrary(project.folder);
  const [command = ""] = readmeCommands("npm install");
  const packages = command.split(" ").slice(2);
  assert.ok(packages.includes("express-tenant-cache"), command);
  // The one difference: it is not taken from the registry.
  unreachable = await install(
    project.folder,
    ...packages.map((name) => (name === "express-tenant-cache" ? file : name)),
  );
});
afterAll(async () => {
  if (server?.exitCode === null) {
    server.kill();
    await once(server, "exit");
  }
  project.remove();
});

test("the README leads from npm install to a cached route", async () => {
  if (unreachable) assert.fail(unreachable);
  project.write("server.mjs", readmeFile("server.mjs"));
  const env = { ...process.env, PORT: "0" };
  server = spawn(process.execPath, ["server.mjs"], {
    cwd: project.folder,
    env,
    stdio: ["ignore", "pipe", "inherit"],
  });
  assert.ok(server.stdout);
  const output = createInterface(server.stdout);
  const lines: string[] = [];
  output.on("line", (line) => lines.push(line));
  const url = await firstLine(server, output);

  const seen = [];
  for (const command of readmeCommands("curl")) {
    const { method, headers, body } = parseCurl(command);
    const response = await fetch(url, { method, headers, body });
    const status = response.headers.get("cache-status") ?? "";
    seen.push([
      status.replace("express-tenant-cache; ", "").replace(/ttl=\d+/, "ttl=…"),
      JSON.parse(await response.text()),
    ]);
  }
  const first = { tenant: "acme", name: "Example Ltd" };
  const second = { tenant: "acme", name: "New Ltd" };
  assert.deepEqual(seen, [
    ["fwd=miss; stored", [first]],
    ["hit; ttl=…", [first]],
    ["", { name: "New Ltd" }],
    ["fwd=miss; stored", [first, second]],
  ]);
  server.kill();
  await once(output, "close");
  assert.deepEqual(lines, [url, "the handler runs", "the handler runs"]);
});

async function firstLine(child: ChildProcess, output: Interface): Promise<string> {
  const ended = once(child, "exit").then(([code]) => assert.fail(`server.mjs ended with ${code}`));
  const [line] = await Promise.race([once(output, "line"), ended]);
  return line;
}

/** The headers (`-H`) and the body (`-d`, which makes it a POST) of a curl command. */
function parseCurl(command: string): { method: string; headers: [string, string][]; body: string | null } {
  const headers = [...command.matchAll(/-H "([\w-]+): ([^"]*)"/g)].map(
    ([, name = "", value = ""]): [string, string] => [name, value],
  );
  const body = /-d '([^']*)'/.exec(command)?.[1] ?? null;
  return { method: body === null ? "GET" : "POST", headers, body };
}
