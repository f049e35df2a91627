// Commands that go on, or change something: top, tail, purge and warm. Each loads what it needs when it runs.
// Tests: test/integration/cli-usage.test.ts
import { Option } from "commander";
import { wrongArguments } from "./exit-codes.js";
import {
  command,
  examples,
  type Given,
  type Making,
  ofApp,
  ofBoth,
  secondsOf,
  targetOf,
  wholeOf,
} from "./program-options.js";
import type { PurgeOptions } from "./purge-scope.js";
import type { TailOfAppOptions } from "./tail-of-app.js";
import { appOnly } from "./targets.js";
import type { WarmOptions } from "./warm-command.js";

export function topCommand({ program, env, run }: Making): void {
  ofBoth(
    command(program, "top", "live: rates, hit ratio, memory, the busiest tenants and modules")
      .option("--tenant <id>", "of an app: only this tenant")
      .addOption(
        new Option("--interval <seconds>", "between samples").argParser(secondsOf(0.2, 3600)).default(1),
      )
      .addOption(new Option("--count <n>", "samples; default: until q or Ctrl-C").argParser(wholeOf(1, 1e9))),
  )
    .addHelpText(
      "after",
      examples(
        "top --redis redis://127.0.0.1:6379",
        "top --app http://127.0.0.1:3000/ops/cache-api --json --count 60 > minute.jsonl",
      ),
    )
    .action((options: Given<{ interval: number; count?: number; tenant?: string }>) =>
      run(options, async (context) => {
        const target = targetOf(context, options, env);
        const { count, tenant } = options;
        const top = { intervalMs: options.interval * 1000, count };
        if (target.kind === "redis") {
          if (tenant !== undefined)
            throw wrongArguments("top --tenant is of an app: of a Redis, stats --tenant");
          const { runTopOfRedis } = await import("./top-of-redis.js");
          return runTopOfRedis(context, target, top);
        }
        const { runTopOfApp } = await import("./top-of-app.js");
        return runTopOfApp(context, target, { ...top, tenant });
      }),
    );
}

export function tailCommand({ program, env, run }: Making): void {
  ofBoth(
    command(
      program,
      "tail",
      "what was made stale, by whom, as it happens; of an app also what each request was told",
    )
      .option("--tenant <id>", "only this tenant")
      .option("--module <name>", "only this module")
      .addOption(
        new Option("-n, --lines <n>", "of what has been; of an app with --tenant")
          .argParser(wholeOf(0, 1000))
          .default(10),
      )
      .option("--no-follow", "end with what has been")
      .option(
        "--event <name...>",
        "of an app: hit, miss, stored, bypass, stale, collapsed, alarm, invalidated",
      )
      .addOption(new Option("--sample <n>", "of an app: one of n events").argParser(wholeOf(1, 1000))),
  )
    .addHelpText(
      "after",
      examples(
        "tail --tenant acme",
        "tail --json | jq -r .reason",
        "tail --app http://127.0.0.1:3000/ops/cache-api --event miss bypass",
      ),
    )
    .action((options: Given<TailOfAppOptions>) =>
      run(options, async (context) => {
        const target = targetOf(context, options, env);
        if (target.kind === "redis") {
          if (options.event !== undefined || options.sample !== undefined)
            throw wrongArguments(
              "tail --event and --sample are of an app: a Redis knows what was made stale, and no request",
            );
          const { runTailOfRedis } = await import("./tail-of-redis.js");
          return runTailOfRedis(context, target, options);
        }
        const { runTailOfApp } = await import("./tail-of-app.js");
        return runTailOfApp(context, target, options);
      }),
    );
}

export function purgeCommand({ program, env, run }: Making): void {
  ofBoth(
    command(
      program,
      "purge",
      "make stale: of a tenant, a module, a tag, a URL, or everything; a dry run without --yes",
    )
      .option("--tenant <id>", "of this tenant")
      .option("--module <name...>", "these modules; without --tenant of all tenants")
      .option("--tag <tag...>", "what carries one of these tags; needs --tenant")
      .option("--url <url>", "this path and query; without a query all of its queries; needs --tenant")
      .option("--everything", "all of all tenants")
      .option("--yes", "do it")
      .option("--reason <text>", "why; kept with the purge, needed with --yes")
      .option(
        "--actor <name>",
        "on a Redis: who, kept as a pseudonym; default: the user and machine that this runs as",
      ),
  )
    .addHelpText(
      "after",
      examples(
        "purge --tenant acme --module accounts",
        'purge --tenant acme --module accounts --yes --reason "prices were wrong"',
        'purge --tenant acme --url "/accounts?page=2" --yes --reason "ticket 4711"',
      ),
    )
    .action((options: Given<PurgeOptions>) =>
      run(options, async (context) => {
        const { purgeScope } = await import("./purge-scope.js");
        // What contradicts itself is told before anything is asked.
        purgeScope(options);
        const target = targetOf(context, options, env);
        if (target.kind === "redis") {
          const { runPurgeOnRedis } = await import("./purge-on-redis.js");
          return runPurgeOnRedis(context, target, options);
        }
        const { runPurgeOverApp } = await import("./purge-over-app.js");
        return runPurgeOverApp(context, target, options);
      }),
    );
}

export function warmCommand({ program, env, run }: Making): void {
  ofApp(
    command(program, "warm", "the app's warm-ups: lists them, or runs some and waits for them")
      .argument("[names...]", "of warm-ups; none: they are listed")
      .option("--all", "all of them, one after the other")
      .option("--tenant <id...>", "only these tenants")
      .option("--no-wait", "end once they have begun"),
  )
    .addHelpText("after", examples("warm", "warm lists reports --tenant acme", "warm --all"))
    .action((names: string[], options: Given<WarmOptions>) =>
      run(options, async (context) => {
        const target = appOnly(options, env);
        const { runWarm } = await import("./warm-command.js");
        return runWarm(context, target, names, options);
      }),
    );
}
