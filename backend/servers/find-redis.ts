// Where tests get a Redis server from: a binary, Docker, or Debian's package, in this order.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { installOnDebian, onPath } from "./debian-package.js";

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
  const installed = installOnDebian("redis-server", "redis-server");
  if (installed) return { kind: "binary", path: installed };
  throw new Error(
    "the tests need a Redis server: install redis-server or valkey-server, start Docker, or set TEST_REDIS_URL " +
      "(fault tests stop and kill servers of their own, so they need one of the first two)",
  );
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
