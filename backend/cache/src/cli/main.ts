#!/usr/bin/env node
// `npx express-tenant-cache`: runs a command, and ends with its exit code.
// Tests: test/package/cli.test.ts, test/integration/cli-usage.test.ts
import { CommanderError } from "commander";
import { TenantCacheError } from "../errors.js";
import { messageOf } from "../thrown.js";
import type { Context } from "./context.js";
import { EXIT, exitCodeOf } from "./exit-codes.js";
import { createOutput, endWithReader } from "./output.js";
import { createProgram } from "./program.js";
import type { GlobalOptions, Run } from "./program-options.js";

const { version } = require("../../package.json") as { readonly version: string };
const [, , ...args] = process.argv;
/** What is wrong may be that `--json` was not understood. */
const isJson = args.includes("--json");
const ended = new AbortController();
const end = () => ended.abort();

const run: Run = async ({ json, timeout }: GlobalOptions, work) => {
  const output = createOutput(process, json === true);
  const context: Context = { output, timeoutMs: timeout * 1000, ended: ended.signal, end };
  process.exitCode = await work(context);
};

function fail(error: unknown): void {
  const output = createOutput(process, isJson);
  if (error instanceof CommanderError) {
    // Commander has told what is wrong, and calls help that was asked for an error, too.
    if (error.exitCode === 0) return;
    process.exitCode = EXIT.usage;
    output.json({ error: { code: "ETC_CLI_ARGUMENTS", message: error.message } });
    return;
  }
  process.exitCode = exitCodeOf(error);
  const isKnown = error instanceof TenantCacheError;
  output.json({ error: { code: isKnown ? error.code : null, message: messageOf(error) } });
  output.warn(isKnown ? error.message : String((error as { stack?: unknown }).stack ?? error));
}

// The reader of a pipe has what it wanted: no error, and nobody to tell.
endWithReader(process.stdout, () => process.exit(EXIT.done));
endWithReader(process.stderr, () => undefined);

const program = createProgram(version, { env: process.env, run });
for (const each of [program, ...program.commands]) each.exitOverride();
program.parseAsync().catch(fail);
