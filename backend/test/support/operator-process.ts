// Commands of `npm run admin`, one after the other in one process, for tests that are not about the process: each runs the program anew, on modules that are loaded.
import { pathToFileURL } from "node:url";
import { projectFile } from "../../project-root.js";

export interface CommandOutcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const PROGRAM = pathToFileURL(projectFile("dist/backend/admin.js")).href;

let count = 0;

/** What the program prints meanwhile is kept. */
async function carryOut(args: readonly string[]): Promise<CommandOutcome> {
  const { stdout, stderr } = process;
  const printed = { stdout: "", stderr: "" };
  const [out, err] = [stdout.write, stderr.write];
  const keep = (of: keyof typeof printed) => (text: unknown) => {
    printed[of] += String(text);
    return true;
  };
  stdout.write = keep("stdout") as typeof out;
  stderr.write = keep("stderr") as typeof err;
  process.argv = [process.execPath, PROGRAM, ...args];
  process.exitCode = 0;
  try {
    count++;
    // Its last line is reached when the command has ended.
    await import(`${PROGRAM}?command=${count}`);
    return { code: Number(process.exitCode), ...printed };
  } catch (error) {
    return { code: 1, stdout: printed.stdout, stderr: `${printed.stderr}${String(error)}` };
  } finally {
    stdout.write = out;
    stderr.write = err;
    process.exitCode = 0;
  }
}

process.on("message", async (args: readonly string[]) => process.send?.(await carryOut(args)));
