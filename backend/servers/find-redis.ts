// Where tests get a Redis server from: a binary, Docker, or Debian's package, in this order.
import { execFile, execFileSync } from "node:child_process";
import { accessSync, constants, existsSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";

export type RedisSource = { readonly kind: "binary"; readonly path: string } | { readonly kind: "docker" };

const run = promisify(execFile);
const DOCKER_ANSWERS_WITHIN_MS = 5000;

let found: Promise<RedisSource> | undefined;

/** @throws an Error that says what to install where there is none of them */
export function findRedis(): Promise<RedisSource> {
  found ??= find();
  return found;
}

const PROGRAMS = ["redis-server", "valkey-server"];

/**
 * All servers that this machine has: the one that suites use comes first. `TEST_REDIS_SERVER` names another
 * program, or its path.
 */
export function redisBinaries(): string[] {
  const wanted = process.env.TEST_REDIS_SERVER;
  const named = wanted?.includes(path.sep) ? wanted : wanted && onPath(wanted);
  if (wanted && !(named && existsSync(named)))
    throw new Error(`TEST_REDIS_SERVER: there is no program ${wanted}`);
  const found = [named, ...PROGRAMS.map(onPath)].filter((program) => program !== undefined && program !== "");
  return [...new Set(found)] as string[];
}

async function find(): Promise<RedisSource> {
  const [binary] = redisBinaries();
  if (binary) return { kind: "binary", path: binary };
  if (await dockerAnswers()) return { kind: "docker" };
  const installed = installOnDebian();
  if (installed) return { kind: "binary", path: installed };
  throw new Error(
    "the tests need a Redis server: install redis-server or valkey-server, start Docker, or set TEST_REDIS_URL " +
      "(fault tests stop and kill servers of their own, so they need one of the first two)",
  );
}

export function onPath(program: string): string | undefined {
  for (const folder of (process.env.PATH ?? "").split(path.delimiter)) {
    const candidate = path.join(folder, program);
    try {
      accessSync(candidate, constants.X_OK);
      return candidate;
    } catch {
      // Not in this folder.
    }
  }
  return undefined;
}

/** Whether a Docker engine answers, not only whether its client is installed. */
export async function dockerAnswers(): Promise<boolean> {
  try {
    const { stdout } = await run("docker", ["version", "--format", "{{.Server.Version}}"], {
      timeout: DOCKER_ANSWERS_WITHIN_MS,
    });
    return stdout.trim() !== "";
  } catch {
    return false;
  }
}

/** On Debian as root, and only there: nobody's machine is changed who could not expect it. */
function installOnDebian(): string | undefined {
  if (process.getuid?.() !== 0 || !existsSync("/etc/debian_version")) return undefined;
  console.log("installing Debian's package redis-server for the tests");
  // The package would start a server of its own on 6379: a policy that forbids it is what Debian has for
  // that.
  const policy = "/usr/sbin/policy-rc.d";
  const script = `set -e
    if [ ! -e ${policy} ]; then printf '#!/bin/sh\\nexit 101\\n' > ${policy}; chmod +x ${policy}; trap 'rm -f ${policy}' EXIT; fi
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends redis-server`;
  try {
    execFileSync("sh", ["-c", script], { stdio: ["ignore", "ignore", "inherit"] });
  } catch {
    return undefined;
  }
  return onPath("redis-server");
}
