// Debian's packages, for tests that need a program which the machine lacks.
import { execFileSync } from "node:child_process";
import { accessSync, constants, existsSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

/** Where the program lies, or `undefined` where it is not on the `PATH`. */
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

/** Test processes that want packages at once wait for each other; `$1` is the folder of the lock. */
const LOCK = `exec 9> "$1/debian-packages.lock"; flock 9`;
/** Whoever else asks for lists at the same moment has them locked for a while. */
const UPDATE = "for pause in 5 20 60 0; do apt-get update -qq && break; sleep $pause; done";

/** @returns whether the script has ended well */
function runs(script: string, cwd: string, ...args: readonly string[]): boolean {
  try {
    execFileSync("sh", ["-c", script, "sh", tmpdir(), ...args], {
      cwd,
      stdio: ["ignore", "ignore", "inherit"],
      // Said, because Jest's is a copy.
      env: process.env,
    });
    return true;
  } catch {
    return false;
  }
}

/** Has the package's file in the folder: nothing of the machine is changed. @returns whether it is there */
export function downloadFromDebian(name: string, folder: string): boolean {
  if (!existsSync("/etc/debian_version") || !onPath("apt-get")) return false;
  const script = `set -e
    ${LOCK}
    apt-get download -qq "$2" 2> /dev/null && exit
    ${UPDATE}
    apt-get download -qq "$2"`;
  return runs(script, folder, name);
}

/**
 * Installs the package that brings the program. On Debian as root, and only there: nobody's machine is changed who could
 * not expect it.
 * @returns where the program lies now; `undefined` where that cannot be had
 */
export function installOnDebian(name: string, program: string): string | undefined {
  if (process.getuid?.() !== 0 || !existsSync("/etc/debian_version")) return undefined;
  console.log(`installing Debian's package ${name} for the tests`);
  // A server's package would start one of its own: a policy that forbids it is what Debian has for that.
  const policy = "/usr/sbin/policy-rc.d";
  const script = `set -e
    ${LOCK}
    if command -v "$3" > /dev/null; then exit; fi
    if [ ! -e ${policy} ]; then printf '#!/bin/sh\\nexit 101\\n' > ${policy}; chmod +x ${policy}; trap 'rm -f ${policy}' EXIT; fi
    ${UPDATE}
    DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends "$2"`;
  return runs(script, tmpdir(), name, program) ? onPath(program) : undefined;
}
