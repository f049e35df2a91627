#!/usr/bin/env node
// `npx express-tenant-cache`: runs a command in this process, and ends with its exit code.
// Tests: test/package/cli.test.ts, test/integration/cli-live.test.ts
import { EXIT } from "./exit-codes.js";
import { endWithReader } from "./output.js";
import { runCommandLine } from "./run-command-line.js";

// The reader of a pipe has what it wanted: no error, and nobody to tell.
endWithReader(process.stdout, () => process.exit(EXIT.done));
endWithReader(process.stderr, () => undefined);

const { version } = require("../../package.json") as { readonly version: string };
runCommandLine(process.argv.slice(2), version, process).then((code) => {
  process.exitCode = code;
});
