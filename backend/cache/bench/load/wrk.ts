// Load by wrk: one thread in C takes little of the core that it shares with Redis.
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { projectFile } from "../../../project-root.js";
import { type Load, type LoadResult, requestText } from "./request.js";

const run = promisify(execFile);
const SCRIPT = projectFile("backend/cache/bench/load/wrk.lua");
const ANSWERS_WITHIN_MS = 10_000;

interface Printed {
  readonly requests: number;
  readonly failed: number;
  readonly micros: number;
  readonly bytes: number;
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
}

/** @throws Error where a request was not answered, or with a status of 400 or above */
export async function loadByWrk({ port, requests, connections, seconds }: Load): Promise<LoadResult> {
  const folder = mkdtempSync(path.join(tmpdir(), "bench-"));
  try {
    const file = path.join(folder, "requests");
    writeFileSync(file, requests.map(requestText).join("\0"));
    const args = ["-t1", `-c${connections}`, `-d${formatDuration(seconds)}`];
    args.push("--latency", "--timeout", `${ANSWERS_WITHIN_MS / 1000}s`, "-s", SCRIPT);
    const { stdout } = await run("wrk", [...args, `http://127.0.0.1:${port}`, "--", file], {
      timeout: seconds * 1000 + ANSWERS_WITHIN_MS,
      killSignal: "SIGKILL",
    });
    return resultOf(stdout);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** wrk knows whole seconds only, and no other unit below. */
function formatDuration(seconds: number): string {
  return `${Math.max(1, Math.round(seconds))}s`;
}

function resultOf(output: string): LoadResult {
  const line = output.split("\n").find((each) => each.startsWith("{"));
  if (line === undefined) throw new Error(`wrk has printed no result:\n${output}`);
  const { requests, failed, micros, bytes, p50, p99, p999 } = JSON.parse(line) as Printed;
  if (failed > 0 || requests === 0) throw new Error(`wrk: ${failed} of ${requests} requests failed`);
  const seconds = micros / 1e6;
  return {
    requests,
    perSecond: requests / seconds,
    bytesPerSecond: bytes / seconds,
    p50Ms: p50 / 1000,
    p99Ms: p99 / 1000,
    p999Ms: p999 / 1000,
  };
}
