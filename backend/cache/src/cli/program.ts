// The commands, their options and their help. What a command needs is loaded when it runs.
// Tests: test/integration/cli-usage.test.ts, test/package/cli.test.ts
import { Command, InvalidArgumentError, Option } from "commander";
import { type AppOptions, type AppTarget, appTarget } from "./app-target.js";
import type { Context } from "./context.js";
import { type ExitCode, wrongArguments } from "./exit-codes.js";
import { type Environment, type RedisOptions, type RedisTarget, redisTarget } from "./redis-target.js";

/** Runs a command with what every command is given, and takes its exit code. */
export type Run = (options: GlobalOptions, work: (context: Context) => Promise<ExitCode>) => Promise<void>;

export interface GlobalOptions {
  readonly json?: boolean;
  /** Seconds. */
  readonly timeout: number;
}

type Options<Own = object> = GlobalOptions & RedisOptions & AppOptions & Own;

const EXIT_HELP =
  "\nExit codes: 0 done; 1 a finding, or not confirmed; 2 wrong arguments; 3 the target cannot be reached; 4 it refuses.\n" +
  "https://github.com/express-tenant-cache/express-tenant-cache/blob/main/docs/operate/cli.md";

export function createProgram(version: string, env: Environment, run: Run): Command {
  const program = new Command("express-tenant-cache")
    .description(
      "See, explain and steer a cache of express-tenant-cache: on its Redis, or over a running app.",
    )
    .version(version)
    .showHelpAfterError("(--help shows what there is)")
    .addHelpText("after", EXAMPLES)
    .addHelpText("after", EXIT_HELP);

  const redisOnly = (options: Options): RedisTarget => {
    if (options.app !== undefined)
      throw wrongArguments("this command asks a Redis: write --redis in the place of --app");
    return redisTarget(options, env) ?? missing("--redis redis://host:6379, or set REDIS_CACHE_URL");
  };
  const appOnly = (options: Options): AppTarget => {
    if (options.redis !== undefined)
      throw wrongArguments("this command asks a running app: write --app in the place of --redis");
    return (
      appTarget(options, env) ??
      missing("--app with the URL where cache.operations is mounted, or set ETC_APP_URL")
    );
  };
  const either = (options: Options): RedisTarget | AppTarget => {
    if (options.redis !== undefined && options.app !== undefined)
      throw wrongArguments("--redis and --app together: write one, the target that is to be asked");
    if (options.redis !== undefined) return redisOnly(options);
    return (
      appTarget(options, env) ??
      redisTarget(options, env) ??
      missing(
        "--redis redis://host:6379 or --app http://host/ops/cache, or set REDIS_CACHE_URL or ETC_APP_URL",
      )
    );
  };
  const told = (context: Context, target: RedisTarget | AppTarget) => {
    if (target.kind === "redis" && target.isPasswordShown)
      context.output.warn(
        "warning: others on this machine can see a password in arguments: set REDIS_CACHE_URL, or write --redis @file",
      );
    return target;
  };

  ofRedis(command(program, "doctor", "check a Redis: version, policy, rights, memory, latency, clock, keys"))
    .option("--acl-user <name>", "whose rights are checked, by ACL DRYRUN; default: the connected user's")
    .addHelpText(
      "after",
      "\nExamples:\n  express-tenant-cache doctor --redis redis://127.0.0.1:6379 --prefix crm:\n  REDIS_CACHE_URL=rediss://cache:secret@redis.example:6380 express-tenant-cache doctor --json",
    )
    .action((options: Options<{ aclUser?: string }>) =>
      run(options, async (context) => {
        const target = redisOnly(options);
        told(context, target);
        const { runDoctor } = await import("./doctor/doctor-command.js");
        return runDoctor(context, target, options);
      }),
    );

  ofBoth(command(program, "stats", "what is stored and what happened, by tenant and module"))
    .option("--tenant <id>", "only this tenant")
    .addOption(limitOption("tenants at most", 1000))
    .addHelpText(
      "after",
      "\nExamples:\n  express-tenant-cache stats --redis redis://127.0.0.1:6379\n  ETC_APP_TOKEN=… express-tenant-cache stats --app https://api.example/ops/cache --tenant acme",
    )
    .action((options: Options<{ tenant?: string; limit: number }>) =>
      run(options, async (context) => {
        const target = told(context, either(options));
        if (target.kind === "redis") {
          const { runStatsOfRedis } = await import("./stats-of-redis.js");
          return runStatsOfRedis(context, target, options);
        }
        throw notYet();
      }),
    );

  ofRedis(command(program, "keys", "what is stored of whom: tenants, a tenant's modules, a module's entries"))
    .option("--tenant <id>", "its modules")
    .option("--module <name>", "its entries, in the order in which they end; needs --tenant")
    .addOption(limitOption("a page", 50))
    .option("--after <cursor>", "the next page, as the page before shows it")
    .addHelpText(
      "after",
      "\nExamples:\n  express-tenant-cache keys\n  express-tenant-cache keys --tenant acme --module accounts --limit 20",
    )
    .action((options: Options<{ tenant?: string; module?: string; after?: string; limit: number }>) =>
      run(options, async (context) => {
        const target = redisOnly(options);
        told(context, target);
        const { runKeys } = await import("./keys-command.js");
        return runKeys(context, target, options);
      }),
    );

  ofBoth(command(program, "top", "live: rates, hit ratio, memory, the busiest tenants and modules"))
    .addOption(
      new Option("--interval <seconds>", "between samples").argParser(secondsOf(0.2, 3600)).default(1),
    )
    .addOption(new Option("--count <n>", "samples; default: until q or Ctrl-C").argParser(wholeOf(1, 1e9)))
    .addHelpText(
      "after",
      "\nExamples:\n  express-tenant-cache top --redis redis://127.0.0.1:6379\n  express-tenant-cache top --app http://127.0.0.1:3000/ops/cache --json --count 60 > minute.jsonl",
    )
    .action((options: Options<{ interval: number; count?: number }>) =>
      run(options, async (context) => {
        const target = told(context, either(options));
        const top = { intervalMs: options.interval * 1000, count: options.count };
        if (target.kind === "redis") {
          const { runTopOfRedis } = await import("./top-of-redis.js");
          return runTopOfRedis(context, target, top);
        }
        throw notYet();
      }),
    );

  ofBoth(
    command(
      program,
      "tail",
      "what was made stale, by whom, as it happens; of an app also what each request was told",
    ),
  )
    .option("--tenant <id>", "only this tenant")
    .option("--module <name>", "only this module")
    .addOption(new Option("-n, --lines <n>", "of what has been").argParser(wholeOf(0, 1000)).default(10))
    .option("--no-follow", "end with what has been")
    .addHelpText(
      "after",
      "\nExamples:\n  express-tenant-cache tail --tenant acme\n  express-tenant-cache tail --json | jq -r .reason",
    )
    .action((options: Options<{ tenant?: string; module?: string; lines: number; follow: boolean }>) =>
      run(options, async (context) => {
        const target = told(context, either(options));
        if (target.kind === "redis") {
          const { runTailOfRedis } = await import("./tail-of-redis.js");
          return runTailOfRedis(context, target, options);
        }
        throw notYet();
      }),
    );

  ofBoth(
    command(
      program,
      "purge",
      "make stale: of a tenant, a module, a tag, a URL, or everything; a dry run without --yes",
    ),
  )
    .option("--tenant <id>", "of this tenant")
    .option("--module <name...>", "these modules; without --tenant of all tenants")
    .option("--tag <tag...>", "what carries one of these tags; needs --tenant")
    .option("--url <url>", "this path and query; without a query all of its queries; needs --tenant")
    .option("--everything", "all of all tenants")
    .option("--yes", "do it")
    .option("--reason <text>", "why; kept with the purge, needed with --yes")
    .option("--actor <name>", "who, kept as a pseudonym; default: the user and machine that this runs as")
    .addHelpText(
      "after",
      '\nExamples:\n  express-tenant-cache purge --tenant acme --module accounts\n  express-tenant-cache purge --tenant acme --module accounts --yes --reason "prices were wrong"\n  express-tenant-cache purge --tenant acme --url "/accounts?page=2" --yes --reason "ticket 4711"',
    )
    .action((options: Options<import("./purge-scope.js").PurgeOptions>) =>
      run(options, async (context) => {
        const { purgeScope } = await import("./purge-scope.js");
        purgeScope(options);
        const target = told(context, either(options));
        if (target.kind === "redis") {
          const { runPurgeOnRedis } = await import("./purge-on-redis.js");
          return runPurgeOnRedis(context, target, options);
        }
        throw notYet();
      }),
    );
  void appOnly;
  return program;
}

function notYet(): Error {
  return wrongArguments("not there yet");
}

const EXAMPLES = `
Examples:
  express-tenant-cache doctor --redis redis://127.0.0.1:6379
  express-tenant-cache top --app http://127.0.0.1:3000/ops/cache
  express-tenant-cache explain --app http://127.0.0.1:3000/ops/cache --tenant acme "/accounts?page=2"
  express-tenant-cache purge --tenant acme --module accounts --yes --reason "prices were wrong"

Secrets do not belong into arguments. Variables that are read:
  REDIS_CACHE_URL, REDIS_URL, REDISCLI_AUTH, CACHE_KEY_PREFIX   a Redis, its password, the prefix of keys
  ETC_APP_URL, ETC_APP_TOKEN                                    an app, and the token that it wants`;

function missing(write: string): never {
  throw wrongArguments(`no target: write ${write}`);
}

function command(program: Command, name: string, description: string): Command {
  return program
    .command(name)
    .description(description)
    .allowExcessArguments(false)
    .showHelpAfterError(`(express-tenant-cache ${name} --help shows how it is written)`)
    .option("--json", "JSON on standard output")
    .addOption(
      new Option("--timeout <seconds>", "the longest wait for an answer")
        .argParser(secondsOf(0.1, 600))
        .default(5),
    );
}

function ofRedis(made: Command): Command {
  return made
    .option(
      "--redis <url>",
      "redis://, rediss://, redis+sentinel:// or redis+cluster://, or @file [REDIS_CACHE_URL, REDIS_URL]",
    )
    .option("--prefix <prefix>", "the cache's keyPrefix [CACHE_KEY_PREFIX]")
    .option("--tls-ca <file>", "who signed the server's certificate [REDIS_CACHE_TLS_CA_FILE]")
    .option("--tls-cert <file>", "this side's certificate [REDIS_CACHE_TLS_CERT_FILE]")
    .option("--tls-key <file>", "and its key [REDIS_CACHE_TLS_KEY_FILE]")
    .option("--tls-servername <name>", "the name in the server's certificate [REDIS_CACHE_TLS_SERVERNAME]")
    .addOption(new Option("--app <url>").hideHelp());
}

function ofApp(made: Command): Command {
  const collect = (line: string, lines: readonly string[] = []) => [...lines, line];
  return made
    .option("--app <url>", "where the app has mounted cache.operations [ETC_APP_URL]")
    .option(
      "--header <line>",
      '"Name: value" for the app, or @file; may be repeated [ETC_APP_TOKEN: a bearer token]',
      collect,
    )
    .addOption(new Option("--redis <url>").hideHelp());
}

/** The options of both, each once. */
function ofBoth(made: Command): Command {
  const known = new Set(made.options.map(({ long }) => long));
  const add = (from: Command) => {
    for (const option of from.options) {
      if (option.hidden || known.has(option.long)) continue;
      known.add(option.long);
      made.addOption(option);
    }
  };
  add(ofRedis(new Command()));
  add(ofApp(new Command()));
  return made;
}

function limitOption(what: string, most: number): Option {
  return new Option("--limit <n>", what).argParser(wholeOf(1, 100_000)).default(most);
}

function wholeOf(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`Write a whole number from ${least} to ${most}.`);
  };
}

function secondsOf(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== "" && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`Write seconds from ${least} to ${most}.`);
  };
}
