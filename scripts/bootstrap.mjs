// Runs a script of this folder on a fresh clone: installs and compiles what is missing, with Node and npm alone.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const OLDEST_NODE = [20, 19];
const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
const [script, ...args] = process.argv.slice(2);

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1])) {
  fail(`Node ${OLDEST_NODE.join(".")} or later is needed, this is ${process.versions.node}`);
}
if (!script) fail("usage: node scripts/bootstrap.mjs <start|test|test-cache|...> [arguments]");

installWhatIsMissing();
// `npm test` reports the compilation as one of its steps; it has to exist all the same, because it is compiled itself.
run(process.execPath, [
  path.join(root, "node_modules/typescript/bin/tsc"),
  "--project",
  path.join(root, "tsconfig.json"),
]);
start();

/** Once for each state of the lock file. */
function installWhatIsMissing() {
  const stamp = path.join(root, "node_modules/.installed-lock");
  const lock = createHash("sha256")
    .update(readFileSync(path.join(root, "package-lock.json")))
    .digest("hex");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === lock) return;
  console.log("installing dependencies (npm ci)");
  const npm = process.platform === "win32" ? "npm.cmd" : "npm";
  run(npm, ["ci", "--no-audit", "--no-fund", "--loglevel=error"]);
  writeFileSync(stamp, lock);
}

function run(command, commandArgs) {
  const { status, error } = spawnSync(command, commandArgs, {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
    shell: command.endsWith(".cmd"),
  });
  if (error) fail(`${command}: ${error.message}`);
  if (status !== 0) process.exit(status ?? 1);
}

/** The script runs as a child, so that npm's signals reach it once and its exit code becomes ours. */
function start() {
  const child = spawn(
    process.execPath,
    ["--enable-source-maps", path.join(root, "dist/scripts", `${script}.js`), ...args],
    { stdio: "inherit" },
  );
  // Ctrl-C reaches the child through the terminal; a signal sent to this process alone is passed on.
  process.on("SIGINT", () => {});
  process.on("SIGTERM", () => child.kill("SIGTERM"));
  child.on("exit", (code, signal) => process.exit(code ?? (signal === "SIGINT" ? 130 : 1)));
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
