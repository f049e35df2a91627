// Node in other versions than the one that runs the tests, from npm's packages of it.
import { copyFileSync, existsSync, mkdirSync, renameSync } from "node:fs";
import path from "node:path";
import { projectFile } from "../../../project-root.js";
import { createNpmProject, install } from "./npm.js";
import { onceARun } from "./once-a-run.js";

// Each unpacks to well over 100 MB: kept until the next `npm ci`.
const KEPT = projectFile("node_modules", ".cache", "node-binaries");
const PLATFORM = process.platform === "win32" ? "win" : process.platform;
const BINARY = process.platform === "win32" ? "node.exe" : "node";

/** The file of a Node, and why it is not there. */
export interface NodeBinary {
  readonly file: string;
  readonly missing?: string;
}

const asked = new Map<string, Promise<NodeBinary>>();

/** @param version a version of the npm package `node`, or the beginning of one: `22`, `20.19.0` */
export function nodeBinary(version: string): Promise<NodeBinary> {
  const make = () => findNodeBinary(version);
  // Two files of a run may want the same one at a time.
  const binary =
    asked.get(version) ?? onceARun(`node-${version}`, make).then((found) => found?.made ?? make());
  asked.set(version, binary);
  return binary;
}

async function findNodeBinary(version: string): Promise<NodeBinary> {
  const file = path.join(KEPT, version, BINARY);
  if (existsSync(file)) return { file };
  const project = createNpmProject();
  try {
    // What `npm install node` would have its script install: no script has to be allowed this way.
    const missing = await install(project.folder, `node@npm:node-${PLATFORM}-${process.arch}@${version}`);
    if (missing !== undefined) return { file, missing };
    mkdirSync(path.dirname(file), { recursive: true });
    // Renamed last: an interrupted copy is not taken for the binary.
    copyFileSync(path.join(project.folder, "node_modules", "node", "bin", BINARY), `${file}.part`);
    renameSync(`${file}.part`, file);
    return { file };
  } finally {
    project.remove();
  }
}
