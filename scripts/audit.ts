// `npm run audit`: verifies the audit trail with and without the database, proves, exports, prunes, and witnesses.
// Tests: test/faults/audit-command.test.ts
import { readFileSync } from "node:fs";
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { EXIT, type Result } from "./audit/exit.js";
import { verifyBundle } from "./audit/offline-verifier.js";

interface Options {
  readonly json?: boolean;
  readonly key?: readonly string[];
  readonly witness?: readonly string[];
  readonly checkpoint?: string;
  readonly state?: string;
  readonly tenant?: string;
  readonly data?: string;
  readonly out?: string;
  readonly index?: number;
  readonly from?: number;
  readonly to?: number;
  readonly size?: number;
  readonly yes?: boolean;
  readonly log?: readonly string[];
  readonly host?: string;
  readonly port?: number;
}

class UsageError extends Error {}

const program = strict(new Command("audit"))
  .description("The audit trail: docs/crm/audit.md says what its records, checkpoints and bundles are.")
  .addHelpText(
    "after",
    `
Exit codes: 0 done, or valid; 1 could not be done; 2 wrong arguments; 3 done in the
database, but the cache has not confirmed it; 4 not valid: something is not what was signed.

Examples:
  npm run audit -- keygen crm.example.com/audit
  npm run audit -- export --tenant <uuid> --out trail.jsonl
  npm run audit -- verify trail.jsonl --key crm.example.com/audit+<id>+<base64>
  npm run audit -- verify --tenant <uuid>
  npm run audit -- prove --tenant <uuid> --index 1234 --out record.jsonl
  npm run audit -- witness --log crm.example.com/audit+<id>+<base64> --state witness.jsonl --port 7380`,
  );

command("verify", "a bundle, with no database; or, with --tenant, the database against what was published")
  .argument("[bundle]")
  .option("--key <verifier key>", "of the log; several where it was rotated", collect)
  .option("--witness <verifier key>", "must have cosigned the last checkpoint; may be repeated", collect)
  .option("--checkpoint <file>", "a note that was got elsewhere: the bundle must reach it and agree with it")
  .option("--state <file>", "go on where an interrupted pass was, and note how far this one comes")
  .option("--tenant <uuid>", "verify the database of DATABASE_URL instead")
  .addOption(dataOption())
  .action(
    run(async (options, [bundle]) => {
      if ((bundle === undefined) === (options.tenant === undefined))
        throw new UsageError("name a bundle, or --tenant to verify the database");
      if (bundle === undefined) return (await withDatabase()).verifyDatabase(options);
      if (options.key === undefined) throw new UsageError("--key: write the verifier key of the log");
      return verified(
        await verifyBundle(bundle, {
          keys: options.key,
          witnesses: options.witness ?? [],
          checkpoint: options.checkpoint === undefined ? undefined : readFileSync(options.checkpoint, "utf8"),
          stateFile: options.state,
        }),
      );
    }),
  );

ofTenant("prove", "one record, or that one checkpoint continues another: a bundle")
  .option("--index <n>", "of the record", whole)
  .option("--size <n>", "of the checkpoint that it is proven against; default: the last", whole)
  .option("--from <n>", "size of the smaller of two checkpoints", whole)
  .option("--to <n>", "size of the larger one; default: the last", whole)
  .option("--out <file>", "default: standard output")
  .action(
    run(async (options) => {
      if ((options.index === undefined) === (options.from === undefined))
        throw new UsageError("write --index of a record, or --from of a checkpoint");
      return (await withDatabase()).prove(options);
    }),
  );

ofTenant("export", "records with their proofs: a bundle")
  .option("--from <n>", "index of the first; default: all that are signed, in one pass", whole)
  .option("--to <n>", "index behind the last; default: all that are signed", whole)
  .option("--out <file>", "default: standard output")
  .action(run(async (options) => (await withDatabase()).exportRecords(options)));

ofTenant(
  "prune",
  "remove the contents of records whose time is over by the tenant's policy; leaves and legal holds stay",
)
  .option("--yes", "really; without it, it is told how many there are")
  .action(run(async (options) => (await withDatabase()).prune(options)));

command("witness", "cosign checkpoints of logs, until it is stopped")
  .requiredOption("--log <verifier key>", "a log that it knows; may be repeated", collect)
  .requiredOption("--state <file>", "what it has cosigned: its memory, which it must not lose")
  .option("--host <address>", "to listen on", "127.0.0.1")
  .option("--port <n>", "0: any free port", whole, 7380)
  .addHelpText(
    "after",
    "\nIts key is AUDIT_WITNESS_KEY or AUDIT_WITNESS_KEY_FILE: audit keygen <name> --witness",
  )
  .action(run(async (options) => (await import("./audit-witness.js")).witness(options)));

command("keygen", "make a signing key; the verifier key is for whoever verifies")
  .argument("<name>", "of the log or the witness, as a URL without its scheme: crm.example.com/audit")
  .option("--witness", "for a witness")
  .action(run(async (options, [name = ""]) => (await import("./audit-witness.js")).keygen(name, options)));

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  process.exitCode = error.exitCode === 0 ? EXIT.done : EXIT.usage;
}

function command(name: string, description: string): Command {
  return strict(program.command(name).description(description)).option(
    "--json",
    "one JSON object on standard output",
  );
}

function ofTenant(name: string, description: string): Command {
  return command(name, description).requiredOption("--tenant <uuid>", "whose trail").addOption(dataOption());
}

function dataOption(): Option {
  return new Option("--data <folder>", "of the PostgreSQL of `npm start`, where DATABASE_URL is not set");
}

function strict(made: Command): Command {
  return made.exitOverride().showHelpAfterError().allowExcessArguments(false);
}

function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

function whole(value: string): number {
  if (/^\d{1,15}$/.test(value)) return Number(value);
  throw new InvalidArgumentError("write a whole number.");
}

/** Apart: whoever verifies a bundle needs neither a database nor the backend. */
function withDatabase() {
  return import("./audit-database-commands.js");
}

function verified(result: Awaited<ReturnType<typeof verifyBundle>>): Result {
  const { valid, errors, origin, size, records, pruned, prunedElsewhere } = result;
  const gone = pruned === 0 ? "" : `, ${pruned} of them pruned`;
  const lines = valid
    ? [
        `valid: ${records} records${gone} of ${origin}, whose tree has ${size}`,
        ...(prunedElsewhere > 0
          ? [`${prunedElsewhere} were pruned by records that are not in this bundle`]
          : []),
      ]
    : [`NOT VALID: ${origin || "the bundle"}`, ...errors];
  return { exitCode: valid ? EXIT.done : EXIT.invalid, lines, data: { ...result } };
}

/** Prints what was done, and decides the exit code. */
function run(work: (options: Options, args: readonly string[]) => Promise<Result>) {
  return async (...given: unknown[]) => {
    const own = given.at(-1) as Command;
    const { json = false, ...options } = own.opts<Options>();
    try {
      const { exitCode, lines, data } = await work(options, own.args);
      if (json) console.log(JSON.stringify({ command: own.name(), ...data }));
      else for (const line of lines) console.log(line);
      process.exitCode = exitCode;
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (json) console.log(JSON.stringify({ command: own.name(), error: message }));
      console.error(`error: ${message}`);
      process.exitCode = error instanceof UsageError ? EXIT.usage : EXIT.failed;
    }
  };
}
