// Timers are taken in one module, when it is loaded: nothing else in the library may use the global ones, which tests of apps replace.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, test } from "@jest/globals";
import { install } from "@sinonjs/fake-timers";
import { projectFile } from "../../../project-root.js";
import * as timers from "../../src/timers.js";

const TIMERS = [
  "setTimeout",
  "setInterval",
  "setImmediate",
  "clearTimeout",
  "clearInterval",
  "clearImmediate",
];
const FORBIDDEN =
  /\bperformance\b|\bprocess\.(nextTick|hrtime)|\bqueueMicrotask\b|"(node:)?(timers|perf_hooks)/;

/** Where they are made, and the console's script as a text, which runs in browsers. */
const ELSEWHERE = new Set(["timers.ts", path.join("console", "assets.ts")]);

/** What a source file of the library does that only `timers.ts` may do. */
function offences(source: string): string[] {
  const code = source.replaceAll(/\/\*.*?\*\//gs, "").replaceAll(/^\s*\/\/.*$/gm, "");
  const imported = /import \{([^}]*)\} from "(?:\.{1,2}\/)+timers\.js"/.exec(code)?.[1] ?? "";
  const taken = new Set(imported.split(",").map((name) => name.trim()));
  const used = TIMERS.filter((name) => new RegExp(`(?<![.\\w])${name}\\b`).test(code));
  return [...used.filter((name) => !taken.has(name)), ...(FORBIDDEN.exec(code)?.slice(0, 1) ?? [])];
}

describe("timers", () => {
  test("no other file of the library uses timers, or a clock of deadlines, of its own", () => {
    const folder = projectFile("backend", "cache", "src");
    const files = [...readdirSync(folder, { recursive: true, encoding: "utf8" })]
      .filter((file) => file.endsWith(".ts") && !file.endsWith(".d.ts") && !ELSEWHERE.has(file))
      .map(
        (file) =>
          [file, offences(readFileSync(projectFile("backend", "cache", "src", file), "utf8"))] as const,
      );
    assert.ok(files.length > 100, "the files are found");
    assert.deepEqual(
      files.filter(([, found]) => found.length > 0),
      [],
    );
  });

  for (const [mistake, source] of [
    ["a global timer", "setTimeout(work, 5);"],
    ["Node's own", 'import { setTimeout as delay } from "node:timers/promises";'],
    ["a clock", "const startedAtMs = performance.now();"],
    ["a tick", "process.nextTick(work);"],
  ] as const)
    test(`that test finds ${mistake}`, () => assert.notDeepEqual(offences(source), []));

  test("run while all the global ones stand still, also where those were replaced first", async () => {
    const clock = install({ toNotFake: ["nextTick", "queueMicrotask"] });
    try {
      assert.ok(timers.areTimersFaked());
      // Loaded anew: as where a test file replaces the timers before it loads the app.
      const url = new URL("../../src/timers.js?late", import.meta.url);
      const late: typeof timers = await import(url.href);
      for (const loaded of [timers, late]) {
        assert.ok(loaded.areTimersFaked());
        const startedAtMs = loaded.monotonicNow();
        assert.equal(await loaded.delay(2, "value"), "value");
        await loaded.nextTurn();
        await new Promise<void>((resolve) => loaded.setImmediate(resolve));
        await new Promise<void>((resolve) => void loaded.setTimeout(resolve, 1));
        const stopped = loaded.setTimeout(() => assert.fail("it was stopped"), 1).unref();
        loaded.clearTimeout(stopped);
        const abort = new AbortController();
        const aborted = loaded.delay(60_000, undefined, { signal: abort.signal, ref: false });
        abort.abort();
        await assert.rejects(aborted, { name: "AbortError" });
        await loaded.delay(2);
        assert.ok(loaded.monotonicNow() > startedAtMs, "the clock goes on");
        assert.ok(loaded.TTL_CLOCK.perf.now() > startedAtMs);
      }
      assert.equal(clock.now, 0, "the fake one has not been turned");
    } finally {
      clock.uninstall();
    }
    assert.equal(timers.areTimersFaked(), false);
  });
});
