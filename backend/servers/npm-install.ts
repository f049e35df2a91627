// npm as tests call it: what is installed for them comes from its cache where it is there.
// Tests: test/package/install.test.ts
import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);
const WITHOUT_A_REGISTRY = /E(NOTFOUND|AI_AGAIN|CONNREFUSED|CONNRESET|TIMEDOUT|NETUNREACH|HOSTUNREACH)/;

/**
 * `npm install` of packages (`name@range`, or a tarball), from npm's cache where they are there.
 *
 * @returns why the registry cannot be reached, where it cannot
 * @throws Error where npm fails for any other reason, and in CI, where nothing may be left out
 */
export async function install(folder: string, ...packages: string[]): Promise<string | undefined> {
  const retries = ["--fetch-retries=1", "--fetch-retry-mintimeout=1000"];
  const quiet = ["--no-audit", "--no-fund", "--loglevel=error"];
  try {
    await npm(folder, "install", "--prefer-offline", ...retries, ...quiet, ...packages);
    return undefined;
  } catch (error) {
    const [code] = WITHOUT_A_REGISTRY.exec(String(error)) ?? [];
    if (code === undefined || process.env.CI) throw error;
    return `npm's registry cannot be reached (${code}), and npm's cache lacks some of ${packages.join(", ")}`;
  }
}

export async function npm(folder: string, ...args: string[]): Promise<string> {
  // Under `npm test` npm says where it is: the same npm on every platform, without a shell.
  const cli = process.env.npm_execpath;
  const [command, first] = cli ? [process.execPath, [cli]] : ["npm", []];
  const { stdout } = await run(command, [...first, ...args], { cwd: folder, maxBuffer: 16 * 2 ** 20 });
  return stdout;
}
