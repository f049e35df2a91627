// What a run was measured on: for the JSON file and the report.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { arch, cpus, loadavg, release, totalmem } from "node:os";
import { projectFile } from "../../project-root.js";
import { findRedis } from "../../servers/index.js";
import type { Cores } from "./cores.js";
import { GENERATOR } from "./load/load.js";
import { competitorVersions } from "./subjects/competitors.js";

const PACKAGES = ["express", "ioredis", "pg", "lru-cache", "autocannon"];

export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly system: string;
  /** Of the last minute, before the run: what else was going on. */
  readonly loadAverage: number;
  readonly pinned: Cores | false;
  readonly generator: string;
  readonly commit: string;
  readonly versions: Readonly<Record<string, string>>;
}

/** @param node what subjects run under */
export async function describeMachine(cores: Cores | undefined, node: string): Promise<Machine> {
  const processors = cpus();
  const redis = await findRedis();
  return {
    processor: processors[0]?.model ?? arch(),
    cores: processors.length,
    memoryGb: Math.round(totalmem() / 1024 ** 3),
    system: `${process.platform} ${release()}`,
    loadAverage: loadavg()[0] ?? 0,
    pinned: cores ?? false,
    generator: GENERATOR,
    commit: output("git", ["-C", projectFile(), "describe", "--always", "--dirty"]),
    versions: {
      node: output(node, ["--version"]).replace(/^v/, ""),
      redis:
        redis.kind === "binary"
          ? (/v=([\d.]+)/.exec(output(redis.path, ["--version"]))?.[1] ?? "?")
          : "docker",
      ...Object.fromEntries(PACKAGES.map((name) => [name, versionOf(name)])),
      ...Object.fromEntries(
        Object.entries(competitorVersions()).map(([name, version]) => [`compared: ${name}`, version]),
      ),
    },
  };
}

export function formatMachine({ processor, cores, memoryGb, system, versions, ...rest }: Machine): string {
  const place = rest.pinned
    ? `subject on core ${rest.pinned.server}, the rest on core ${rest.pinned.load}`
    : "nothing pinned";
  return (
    `${processor}, ${cores} cores, ${memoryGb} GB, ${system}; Node ${versions.node}, Redis ${versions.redis}, ` +
    `Express ${versions.express}, ioredis ${versions.ioredis}; load by ${rest.generator}; ${place}; commit ${rest.commit}`
  );
}

function versionOf(name: string): string {
  const file = projectFile("node_modules", name, "package.json");
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}

function output(command: string, args: readonly string[]): string {
  try {
    return execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  } catch {
    return "?";
  }
}
