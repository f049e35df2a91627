// The options that commands have in common, and how figures are written.
// Tests: test/integration/cli-usage.test.ts
import { type Command, InvalidArgumentError, Option } from "commander";
import type { Context } from "./context.js";
import type { ExitCode } from "./exit-codes.js";
import type { Environment, RedisTarget } from "./redis-target.js";
import { eitherTarget, redisOnly, type TargetOptions } from "./targets.js";

/** Runs a command with what every command is given, and takes its exit code. */
export type Run = (options: GlobalOptions, work: (context: Context) => Promise<ExitCode>) => Promise<void>;

export interface GlobalOptions {
  readonly json?: boolean;
  /** Seconds. */
  readonly timeout: number;
}

/** What an action is given. */
export type Given<Own = object> = GlobalOptions & TargetOptions & Own;

/** What commands are made with. */
export interface Making {
  readonly program: Command;
  readonly env: Environment;
  readonly run: Run;
}

export function command(program: Command, name: string, description: string): Command {
  return program
    .command(name)
    .description(description)
    .allowExcessArguments(false)
    .showHelpAfterError(`(express-tenant-cache ${name} --help shows how it is written)`);
}

/** Behind a command's own options come those of the Redis that it asks. */
export function ofRedis(made: Command): Command {
  return common(redisOptions(made)).addOption(new Option("--app <url>").hideHelp());
}

/** As {@link ofRedis}, of an app. */
export function ofApp(made: Command): Command {
  return common(appOptions(made)).addOption(new Option("--redis <url>").hideHelp());
}

export function ofBoth(made: Command): Command {
  return common(appOptions(redisOptions(made)));
}

function redisOptions(made: Command): Command {
  return made
    .option(
      "--redis <url>",
      "redis://, rediss://, redis+sentinel:// or redis+cluster://, or @file [REDIS_CACHE_URL, REDIS_URL]",
    )
    .option("--prefix <prefix>", "the cache's keyPrefix [CACHE_KEY_PREFIX]")
    .option("--tls-ca <file>", "who signed the server's certificate [REDIS_CACHE_TLS_CA_FILE]")
    .option("--tls-cert <file>", "this side's certificate [REDIS_CACHE_TLS_CERT_FILE]")
    .option("--tls-key <file>", "and its key [REDIS_CACHE_TLS_KEY_FILE]")
    .option("--tls-servername <name>", "the name in the server's certificate [REDIS_CACHE_TLS_SERVERNAME]");
}

function appOptions(made: Command): Command {
  return made
    .option("--app <url>", "where the app has mounted cache.operations [ETC_APP_URL]")
    .option(
      "--header <line>",
      '"Name: value" for the app, or @file; may be repeated [ETC_APP_TOKEN: a bearer token]',
      collected,
    );
}

function common(made: Command): Command {
  return made
    .addOption(
      new Option("--timeout <seconds>", "the longest wait for an answer")
        .argParser(secondsOf(0.1, 600))
        .default(5),
    )
    .option("--json", "JSON on standard output");
}

const PASSWORD_SHOWN =
  "warning: others on this machine can see a password in arguments: set REDIS_CACHE_URL, or write --redis @file";

export function redisOf(context: Context, options: TargetOptions, env: Environment): RedisTarget {
  const target = redisOnly(options, env);
  if (target.isPasswordShown) context.output.warn(PASSWORD_SHOWN);
  return target;
}

export function targetOf(
  context: Context,
  options: TargetOptions,
  env: Environment,
): ReturnType<typeof eitherTarget> {
  const target = eitherTarget(options, env);
  if (target.kind === "redis" && target.isPasswordShown) context.output.warn(PASSWORD_SHOWN);
  return target;
}

export function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  express-tenant-cache ${line}`).join("\n")}`;
}

export function limitOption(what: string, most: number): Option {
  return new Option("--limit <n>", what).argParser(wholeOf(1, 100_000)).default(most);
}

export function wholeOf(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`Write a whole number from ${least} to ${most}.`);
  };
}

export function secondsOf(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== "" && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`Write seconds from ${least} to ${most}.`);
  };
}

/** Of an option that may be repeated. */
export function collected(value: string, values: readonly string[] = []): string[] {
  return [...values, value];
}
