// The program: its commands, its help, and how wrong arguments are told.
// Tests: test/integration/cli-usage.test.ts, test/package/cli.test.ts
import { Command } from "commander";
import { purgeCommand, tailCommand, topCommand, warmCommand } from "./acting-commands.js";
import {
  adviceCommand,
  doctorCommand,
  explainCommand,
  keysCommand,
  statsCommand,
} from "./looking-commands.js";
import type { Making } from "./program-options.js";

const EXAMPLES = `
Examples:
  express-tenant-cache doctor --redis redis://127.0.0.1:6379
  express-tenant-cache doctor --redis rediss://cache@redis.example:6380 --tls-ca ca.pem
  express-tenant-cache stats --redis redis+cluster://10.0.0.1:6379,10.0.0.2:6379
  express-tenant-cache stats --redis redis+sentinel://10.0.0.1:26379,10.0.0.2:26379/mymaster
  express-tenant-cache top --app http://127.0.0.1:3000/ops/cache-api
  express-tenant-cache explain --app http://127.0.0.1:3000/ops/cache-api --tenant acme "/accounts?page=2"
  express-tenant-cache purge --tenant acme --module accounts --yes --reason "prices were wrong"

Secrets do not belong into arguments. Variables that are read:
  REDIS_CACHE_URL, REDIS_URL, REDISCLI_AUTH, CACHE_KEY_PREFIX   a Redis, its password, the prefix of keys
  ETC_APP_URL, ETC_APP_TOKEN                                    an app, and the token that it wants

Exit codes: 0 done; 1 a finding, or not confirmed; 2 wrong arguments; 3 the target cannot be reached; 4 it refuses.
https://github.com/express-tenant-cache/express-tenant-cache/blob/main/docs/operate/cli.md`;

const COMMANDS = [
  doctorCommand,
  statsCommand,
  keysCommand,
  topCommand,
  tailCommand,
  explainCommand,
  adviceCommand,
  purgeCommand,
  warmCommand,
];

export function createProgram(version: string, { env, run }: Omit<Making, "program">): Command {
  const program = new Command("express-tenant-cache")
    .description(
      "See, explain and steer a cache of express-tenant-cache: on its Redis, or over a running app.",
    )
    .version(version)
    .showHelpAfterError("(--help shows what there is)")
    .addHelpText("after", EXAMPLES);
  for (const add of COMMANDS) add({ program, env, run });
  return program;
}
