// Runs a command line: from arguments to an exit code, with what goes wrong told as text or JSON.
// Tests: test/integration/cli-usage.test.ts
import { CommanderError } from "commander";
import { TenantCacheError } from "../errors.js";
import { messageOf } from "../thrown.js";
import type { Context } from "./context.js";
import { EXIT, type ExitCode, exitCodeOf } from "./exit-codes.js";
import { createOutput, type Output, type Streams } from "./output.js";
import { createProgram } from "./program.js";
import type { GlobalOptions } from "./program-options.js";

/**
 * @param args without the program's own name
 * @param version of the package
 */
export async function runCommandLine(
  args: readonly string[],
  version: string,
  streams: Streams,
  ended = new AbortController(),
): Promise<ExitCode> {
  let code: ExitCode = EXIT.done;
  const run = async (
    { json, timeout }: GlobalOptions,
    work: (context: Context) => Promise<ExitCode>,
  ): Promise<void> => {
    const output = createOutput(streams, json === true);
    const { signal } = ended;
    code = await work({ output, timeoutMs: timeout * 1000, ended: signal, end: () => ended.abort() });
  };
  const program = createProgram(version, { env: streams.env, run });
  for (const each of [program, ...program.commands]) {
    each.exitOverride().configureOutput({
      writeOut: (text) => void streams.stdout.write(text),
      writeErr: (text) => void streams.stderr.write(text),
    });
  }
  try {
    await program.parseAsync([...args], { from: "user" });
    return code;
  } catch (error) {
    // What is wrong may be that `--json` was not understood.
    return failed(error, createOutput(streams, args.includes("--json")));
  }
}

function failed(error: unknown, output: Output): ExitCode {
  if (error instanceof CommanderError) {
    // Commander has told what is wrong, and calls help that was asked for an error, too.
    if (error.exitCode === 0) return EXIT.done;
    output.json({ error: { code: "ETC_CLI_ARGUMENTS", message: error.message } });
    return EXIT.usage;
  }
  const isKnown = error instanceof TenantCacheError;
  output.json({ error: { code: isKnown ? error.code : null, message: messageOf(error) } });
  output.warn(isKnown ? error.message : String(Object(error).stack ?? error));
  return exitCodeOf(error);
}
