// `npm run bench` in its smallest form: it starts what it needs, measures, and reports; what it measures is not looked at.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { afterAll, test } from "@jest/globals";
import { projectFile } from "../../../project-root.js";
import { tell } from "../../../servers/in-test.js";

const run = promisify(execFile);
const PROGRAM = projectFile("dist/backend/cache/bench/main.js");

interface Report {
  readonly suite: string;
  readonly rounds: readonly Measured[];
}

interface Measured {
  readonly variant?: string;
  readonly rounds?: readonly { readonly requests: number; readonly handlerRuns: number }[];
  readonly processes?: number;
  readonly handlerRuns?: readonly number[];
}

interface ScaleRounds {
  readonly judged: { readonly right: number; readonly wrong: number; readonly faults: readonly string[] };
  readonly windows: readonly {
    readonly load: { readonly hits: number };
    readonly redis: { readonly evictedKeys: number };
    readonly memory: readonly unknown[];
    readonly looked: {
      readonly stats: { readonly tenants: number };
      readonly tenants: { readonly bytes: number };
      readonly metrics: { readonly bytes: number };
    };
  }[];
  readonly curves: {
    readonly entries: readonly { readonly entries: number }[];
    readonly tenants: readonly { readonly tenants: number }[];
  };
}

/** Beside other tests. */
const ENV = { ...process.env, BENCH_UNPINNED: "1", BENCH_PATIENT: "1" };
const folder = mkdtempSync(path.join(tmpdir(), "bench-test-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("measures one subject in each variant, and a stampede", async () => {
  const file = path.join(folder, "run.json");
  const args = [
    "--quick",
    "--suite",
    "throughput",
    "stampede",
    "--subjects",
    "list-strict",
    "--lists",
    "20",
    "--json",
    file,
  ];
  // It ends with 1 where a machine that is busy with other tests made the cache pass requests on.
  await run(process.execPath, [PROGRAM, ...args], {
    env: ENV,
  }).catch(({ stdout, stderr }) => tell(`${stdout}${stderr}`));
  const { reports } = JSON.parse(readFileSync(file, "utf8")) as { reports: Report[] };
  const [throughput, stampede] = reports;
  assert.deepEqual(
    throughput?.rounds.map(({ variant }) => variant),
    ["200", "304", "head", "gzip"],
  );
  for (const { variant, rounds } of throughput.rounds) {
    const [round] = rounds ?? [];
    assert.ok(round && round.handlerRuns < round.requests, `no hits in the load of ${variant}`);
  }
  assert.deepEqual(
    stampede?.rounds.map(({ processes }) => processes),
    [1, 4],
  );
  for (const { handlerRuns = [] } of stampede.rounds) {
    assert.ok(
      handlerRuns.length > 0 && handlerRuns.every((runs) => runs > 0),
      "a cold key without a handler run",
    );
  }
});

test("scale, in small: no wrong answer while keys are evicted, and what operators look at is there", async () => {
  const file = path.join(folder, "scale.json");
  const sizes = { entries: 3000, tenants: 100, processes: 2, minutes: 0.04, "max-memory-mb": 18 };
  const flags = Object.entries(sizes).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const args = [PROGRAM, "--quick", "--suite", "scale", ...flags, "--json", file];
  // It ends with 1 where a machine that is busy with other tests broke a bound of time.
  await run(process.execPath, args, {
    env: ENV,
  }).catch(({ stdout, stderr }) => tell(`${stdout}${stderr}`));
  const { reports } = JSON.parse(readFileSync(file, "utf8")) as {
    reports: { rounds: ScaleRounds; verdicts: { path: string; reached: boolean }[] }[];
  };
  const [scale] = reports;
  assert.ok(scale);
  const { judged, windows, curves } = scale.rounds;
  assert.deepEqual({ wrong: judged.wrong, faults: judged.faults }, { wrong: 0, faults: [] });
  assert.ok(judged.right > 100, `${judged.right} answers`);
  assert.equal(windows.length, 8);
  assert.ok(windows.some(({ load }) => load.hits > 0));
  assert.ok((windows.at(-1)?.redis.evictedKeys ?? 0) > 0, "nothing was evicted");
  for (const { looked, memory } of windows) {
    assert.equal(memory.length, 2);
    assert.ok(looked.stats.tenants > 0 && looked.tenants.bytes > 1000 && looked.metrics.bytes > 1000);
  }
  assert.deepEqual(
    curves.entries.map(({ entries }) => entries),
    [30, 300, 3000],
  );
  assert.deepEqual(
    curves.tenants.map(({ tenants }) => tenants),
    [1, 10, 100],
  );
  assert.ok(scale.verdicts.find(({ path }) => path === "wrong answers")?.reached);
});

test("refuses a subject that there is none of", async () => {
  await assert.rejects(
    run(process.execPath, [PROGRAM, "--subjects", "nobody"]),
    /there is no subject nobody; there are express/,
  );
});
