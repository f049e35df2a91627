// Commands that only look: doctor, stats, keys, explain and advice. Each loads what it needs when it runs.
// Tests: test/integration/cli-usage.test.ts
import type { ExplainOptions } from "./explain-command.js";
import type { KeysOptions } from "./keys-command.js";
import {
  collected,
  command,
  examples,
  type Given,
  limitOption,
  type Making,
  ofApp,
  ofBoth,
  ofRedis,
  redisOf,
  targetOf,
} from "./program-options.js";
import { appOnly } from "./targets.js";

export function doctorCommand({ program, env, run }: Making): void {
  ofRedis(
    command(program, "doctor", "check a Redis: version, policy, rights, memory, latency, clock, keys").option(
      "--acl-user <name>",
      "whose rights are checked, by ACL DRYRUN; default: the connected user's",
    ),
  )
    .addHelpText(
      "after",
      examples(
        "doctor --redis redis://127.0.0.1:6379 --prefix crm:",
        "doctor --redis @/run/secrets/redis_url --json",
      ),
    )
    .action((options: Given<{ aclUser?: string }>) =>
      run(options, async (context) => {
        const target = redisOf(context, options, env);
        const { runDoctor } = await import("./doctor/doctor-command.js");
        return runDoctor(context, target, options);
      }),
    );
}

export function statsCommand({ program, env, run }: Making): void {
  ofBoth(
    command(program, "stats", "what is stored and, of an app, what happened, by tenant and module")
      .option("--tenant <id>", "only this tenant")
      .addOption(limitOption("tenants at most", 1000)),
  )
    .addHelpText(
      "after",
      examples(
        "stats --redis redis://127.0.0.1:6379",
        "stats --app https://api.example/ops/cache-api --tenant acme     # with the token in ETC_APP_TOKEN",
      ),
    )
    .action((options: Given<{ tenant?: string; limit: number }>) =>
      run(options, async (context) => {
        const target = targetOf(context, options, env);
        if (target.kind === "redis") {
          const { runStatsOfRedis } = await import("./stats-of-redis.js");
          return runStatsOfRedis(context, target, options);
        }
        const { runStatsOfApp } = await import("./stats-of-app.js");
        return runStatsOfApp(context, target, options);
      }),
    );
}

export function keysCommand({ program, env, run }: Making): void {
  ofRedis(
    command(program, "keys", "what is stored of whom: tenants, a tenant's modules, a module's entries")
      .option("--tenant <id>", "its modules")
      .option("--module <name>", "its entries, in the order in which they end; needs --tenant")
      .addOption(limitOption("a page", 50))
      .option("--after <cursor>", "the next page, as the page before shows it"),
  )
    .addHelpText("after", examples("keys", "keys --tenant acme --module accounts --limit 20"))
    .action((options: Given<KeysOptions>) =>
      run(options, async (context) => {
        const target = redisOf(context, options, env);
        const { runKeys } = await import("./keys-command.js");
        return runKeys(context, target, options);
      }),
    );
}

export function explainCommand({ program, env, run }: Making): void {
  ofApp(
    command(program, "explain", "what the next such request would be told, and why; no handler runs")
      .argument("[url]", "path and query, as the app sees them")
      .option("--tenant <id>", "whose request it is, where its headers do not say")
      .option("--method <name>", "default: GET")
      .option(
        "--request-header <line>",
        '"Name: value" of the request that is explained, or @file; may be repeated',
        collected,
      )
      .option("--body <text>", "of the request, or @file")
      .option("--request-id <id>", "instead of a URL: why this request of the last 15 minutes was no hit"),
  )
    .addHelpText(
      "after",
      examples(
        'explain --app http://127.0.0.1:3000/ops/cache-api --tenant acme "/accounts?page=2"',
        'explain --request-header "Accept-Language: de" --tenant acme /accounts     # with ETC_APP_URL',
        "explain --request-id 7f3a0c",
      ),
    )
    .action((url: string | undefined, options: Given<ExplainOptions>) =>
      run(options, async (context) => {
        const target = appOnly(options, env);
        const { runExplain } = await import("./explain-command.js");
        return runExplain(context, target, url, options);
      }),
    );
}

export function adviceCommand({ program, env, run }: Making): void {
  ofApp(command(program, "advice", "each route's TTL and a better one, and which routes want somebody"))
    .addHelpText("after", examples("advice --app http://127.0.0.1:3000/ops/cache-api", "advice --json"))
    .action((options: Given) =>
      run(options, async (context) => {
        const target = appOnly(options, env);
        const { runAdvice } = await import("./advice-command.js");
        return runAdvice(context, target);
      }),
    );
}
