// Runs a script of this folder, or the backend's admin, on a fresh clone: installs and compiles what is missing, with Node and npm alone.
// In the image, which has no sources, what was compiled is run as it is.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const OLDEST_NODE = [20, 19];
const PARENT_WATCH_MS = 250;
/** Run beside a server, often in its checkout: what a server has loaded its program from is not to be replaced under it. */
const OPERATORS = new Set(["admin", "audit", "cache", "warm", "test-cache"]);
const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
const [script] = process.argv.slice(2);

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1])) {
  fail(`Node ${OLDEST_NODE.join(".")} or later is needed, this is ${process.versions.node}`);
}
if (!script) fail("usage: node scripts/bootstrap.mjs <start|test|test-cache|...> [arguments]");

if (existsSync(path.join(root, "tsconfig.json"))) {
  installWhatIsMissing();
  compileWhatChanged();
}
stopWithNpm();
await runScript();

/** Once for each state of the lock file. */
function installWhatIsMissing() {
  const stamp = path.join(root, "node_modules/.installed-lock");
  const wanted = readFileSync(path.join(root, "package-lock.json"), "utf8");
  const lock = createHash("sha256").update(wanted).digest("hex");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === lock) return;
  if (OPERATORS.has(script) && compiledScript() !== undefined && hasWhatRuns(JSON.parse(wanted))) return;
  // Not on standard output, which may be read by a program (--json, a token).
  console.error("installing dependencies (npm ci)");
  const npm = process.platform === "win32" ? "npm.cmd" : "npm";
  // Both kinds by name: NODE_ENV=production or a user's npm settings would leave the compiler or PostgreSQL out.
  run("npm ci", npm, [
    "ci",
    "--include=dev",
    "--include=optional",
    "--no-audit",
    "--no-fund",
    "--loglevel=error",
  ]);
  writeFileSync(stamp, lock);
}

/** Whether npm has installed, by whatever command, the versions that the compiled script needs. */
function hasWhatRuns({ packages }) {
  const installed = path.join(root, "node_modules/.package-lock.json");
  if (!existsSync(installed)) return false;
  const { packages: present } = JSON.parse(readFileSync(installed, "utf8"));
  // The backend, and what operators run in its image, does without what is for development; other scripts do not.
  const needsDev = script !== "admin" && script !== "audit";
  return Object.entries(packages).every(
    ([folder, { version, dev, optional, devOptional }]) =>
      folder === "" || optional || devOptional || (dev && !needsDev) || present[folder]?.version === version,
  );
}

/** The compiler takes seconds to see that nothing has changed. `npm test` runs it again, as a step of its own. */
function compileWhatChanged() {
  const compiler = path.join(root, "node_modules/typescript/bin/tsc");
  // Absent where somebody has compiled, and then left out what only that needs (npm prune --omit=dev).
  if (!existsSync(compiler) && compiledScript() !== undefined) return;
  const stamp = path.join(root, "dist/.compiled-from");
  const isCompiled = [stamp, path.join(root, "backend/cache/dist/index.js")].every((file) =>
    existsSync(file),
  );
  // Taken before: what is saved while the compiler runs is compiled the next time.
  const sources = stateOfSources();
  if (isCompiled && readFileSync(stamp, "utf8") === sources) return;
  // The package first: the backend imports it by its name.
  for (const project of ["backend/cache", "tsconfig.json"])
    run("the compiler", process.execPath, [compiler, "--project", path.join(root, project)]);
  writeFileSync(stamp, sources);
}

/** Names, sizes and times of all that is compiled, and of what says how. */
function stateOfSources() {
  const state = createHash("sha256");
  const look = (file) => {
    const { size, mtimeMs } = statSync(path.join(root, file));
    state.update(`${file} ${size} ${mtimeMs}\n`);
  };
  const walk = (folder) => {
    for (const entry of readdirSync(path.join(root, folder), { withFileTypes: true })) {
      const name = `${folder}/${entry.name}`;
      if (entry.isDirectory() && !["dist", "node_modules"].includes(entry.name)) walk(name);
      else if (/\.(?:m?ts|json)$/.test(entry.name)) look(name);
    }
  };
  for (const folder of ["backend", "scripts"]) if (existsSync(path.join(root, folder))) walk(folder);
  for (const file of ["tsconfig.json", "package-lock.json"]) look(file);
  return state.digest("hex");
}

function compiledScript() {
  return ["dist/scripts", "dist/backend", "dist"]
    .map((folder) => path.join(root, folder, `${script}.js`))
    .find((file) => existsSync(file));
}

function run(name, command, commandArgs) {
  const { status, signal, error } = spawnSync(command, commandArgs, {
    cwd: root,
    stdio: ["ignore", process.stderr, "inherit"],
    shell: command.endsWith(".cmd"),
  });
  if (error) fail(`${name} cannot be run: ${error.message}`);
  if (status !== 0) fail(`${name} failed (${signal ?? `exit code ${status}`})`);
}

/** SIGTERM to npm ends npm and the shell between it and this process, which is not told: it sees its parent change. */
function stopWithNpm() {
  if (!process.env.npm_lifecycle_event) return;
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    process.kill(process.pid, "SIGTERM");
  }, PARENT_WATCH_MS);
  watch.unref();
}

/** In this process: signals reach the script directly, and its exit code is this one's. */
async function runScript() {
  const file = compiledScript();
  if (file === undefined) fail(`there is no scripts/${script}.ts`);
  process.setSourceMapsEnabled(true);
  process.argv.splice(1, 2, file);
  await import(pathToFileURL(file).href);
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
