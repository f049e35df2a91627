// `npm run admin`: what operators do to tenants, users, tokens and the cache, against the database of DATABASE_URL.
// What a command needs is loaded when it runs: operators wait for each of them, and most need little of the backend.
import { existsSync } from "node:fs";
import path from "node:path";
import { loadEnvFile } from "node:process";
import { Command, CommanderError, Option } from "commander";
import { type Options, overlayRoleOption, USER_ROLES } from "./admin/options.js";
import { EXIT, type Outcome, wrongArguments } from "./admin/outcome.js";
import type { Admin } from "./admin/recorded-command.js";
import type { Tenant } from "./admin/tenants.js";
import type { Role } from "./http/identity/auth.js";
import { projectFile } from "./project-root.js";

const accessTokens = () => import("./admin/access-tokens.js");
const cacheClear = () => import("./admin/cache-clear.js");
const inputs = () => import("./admin/inputs.js");
const recording = () => import("./admin/recorded-command.js");
const tenants = () => import("./admin/tenants.js");
const users = () => import("./admin/users.js");

interface Target {
  readonly tenantId?: string | undefined;
  readonly details?: Readonly<Record<string, unknown>>;
}

const program = strict(new Command("admin"))
  .description(
    "Tenants, users, tokens and the cache of the CRM, with the environment (or .env) of the backend.",
  )
  .addHelpText(
    "after",
    "\nExit codes: 0 done, or nothing to change; 1 failed; 2 wrong arguments; 3 done in the database, but not heard of by\n" +
      "everything that runs: repeat the command. Whatever changes anything is written down in the table admin_log.",
  );

const tenant = group("tenant", "make, list, suspend and delete tenants");
command(tenant, "create", "make a tenant, and with --admin its first user")
  .argument("<name>")
  .option("--id <uuid>", "its id; default: a new one")
  .option("--admin <email>", "make this user with the role admin, and a password that is shown once")
  .action(run("tenant create", make));
command(tenant, "list", "all tenants").action(
  async (_options: Options, own: Command) =>
    await inside(own, async (admin) => (await tenants()).listTenants(admin)),
);
command(tenant, "suspend", "refuse all tokens of a tenant, in every process, at once")
  .argument("<tenant>", "id or name")
  .action(
    run("tenant suspend", async (admin, { reason }, [name = ""], record) => {
      const { requireTenant, suspendTenant } = await tenants();
      const found = await requireTenant(admin.pool, name);
      return await record({ tenantId: found.id }, () => suspendTenant(admin, found, reason));
    }),
  );
command(tenant, "resume", "accept them again")
  .argument("<tenant>", "id or name")
  .action(
    run("tenant resume", async (admin, _options, [name = ""], record) => {
      const { requireTenant, resumeTenant } = await tenants();
      const found = await requireTenant(admin.pool, name);
      return await record({ tenantId: found.id }, () => resumeTenant(admin, found));
    }),
  );
command(tenant, "delete", "delete a tenant with every record it has")
  .argument("<tenant>", "id or name")
  .option("--yes", "really")
  .action(
    run("tenant delete", async (admin, { yes }, [name = ""], record) => {
      if (!yes) throw wrongArguments("this deletes every record of the tenant: write --yes to do it");
      const { tenantIdOf, deleteTenant } = await tenants();
      const tenantId = await tenantIdOf(admin.pool, name);
      return await record({ tenantId, details: { name } }, () => deleteTenant(admin, name));
    }),
  );

const user = group("user", "make users, and decide who may log in");
ofUser("create", "make a user with a password")
  .option("--name <name>", "default: what stands in front of the @")
  .addOption(new Option("--role <role>").choices(USER_ROLES).default("member"))
  .addOption(overlayRoleOption("in the overlay; default: none"))
  .option(
    "--password-stdin",
    "read the password from standard input; default: a new one, which is shown once",
  )
  .option("--permanent", "the password need not be changed at the first login")
  .action(
    ofTenant("user create", async (admin, found, options) => {
      const [{ createUser }, { given }] = await Promise.all([users(), inputs()]);
      return await createUser(admin, found, { email: "", ...options }, await given(options));
    }),
  );
ofUser("invite", "make an invitation, and the user where there is none")
  .option("--name <name>", "default: what stands in front of the @")
  .addOption(new Option("--role <role>", "of a user who is made").choices(USER_ROLES).default("member"))
  .addOption(overlayRoleOption("of a user who is made; default: none"))
  .action(
    ofTenant("user invite", async (admin, found, options) =>
      (await users()).inviteUser(admin, found, { email: "", ...options }),
    ),
  );
ofUser("set-password", "set a user's password, and end the user's sessions")
  .option("--password-stdin", "read it from standard input; default: a new one, which is shown once")
  .option("--permanent", "it need not be changed at the first login")
  .action(
    ofTenant("user set-password", async (admin, found, options) => {
      const [{ setPassword }, { given }] = await Promise.all([users(), inputs()]);
      return await setPassword(admin, found, options.email ?? "", await given(options));
    }),
  );
ofUser("overlay-roles", "replace a user's overlay roles, and end the user's sessions")
  .addOption(overlayRoleOption("all that the user is to have; default: none"))
  .action(
    ofTenant("user overlay-roles", async (admin, found, { email = "", overlayRole = [] }) =>
      (await users()).setOverlayRoles(admin, found, email, overlayRole),
    ),
  );
ofUser("deactivate", "keep a user from logging in, and end the user's sessions").action(
  ofTenant("user deactivate", async (admin, found, { email = "" }) =>
    (await users()).setActive(admin, found, email, false),
  ),
);
ofUser("activate", "let a user log in again").action(
  ofTenant("user activate", async (admin, found, { email = "" }) =>
    (await users()).setActive(admin, found, email, true),
  ),
);

command(group("token", "issue access tokens"), "issue", "print an access token, and nothing else")
  .option("--tenant <id or name>", "for all but superadmins")
  .option("--email <email>", "of this user, with the user's role")
  .addOption(new Option("--role <role>", "without a user").choices([...USER_ROLES, "superadmin"]))
  .addOption(overlayRoleOption("beside --role"))
  .option("--expires-in <time>", "15m, 12h, 7d", "1h")
  .action(
    run(
      "token issue",
      async (admin, { tenant: name, email, role, overlayRole, expiresIn = "1h" }, _args, record) => {
        const { checkTokenRequest, issueAccessToken, secondsOf } = await accessTokens();
        const { requireTenant } = await tenants();
        checkTokenRequest({ tenant: name, email, role, overlayRole });
        const found = name === undefined ? undefined : await requireTenant(admin.pool, name);
        const expiresInSeconds = secondsOf(expiresIn);
        const request = {
          tenant: found,
          email,
          role: role as Role | undefined,
          overlayRoles: overlayRole,
          expiresInSeconds,
        };
        return await record({ tenantId: found?.id, details: { email, expires_in: expiresIn } }, () =>
          issueAccessToken(admin, request),
        );
      },
    ),
  );

command(
  group("cache", "clear what is cached"),
  "clear",
  "replace the fences of a tenant, or of modules of it",
)
  .requiredOption("--tenant <id or name>")
  .addOption(new Option("--module <name...>", "default: all").choices(await cachedModules()))
  .action(
    run("cache clear", async (admin, { tenant: name = "", module = [] }, _args, record) => {
      const [{ clearCache }, { requireTenant, tenantIdOf }] = await Promise.all([cacheClear(), tenants()]);
      const tenantId = (await tenantIdOf(admin.pool, name)) ?? (await requireTenant(admin.pool, name)).id;
      return await record({ tenantId, details: { modules: module } }, () =>
        clearCache(admin, tenantId, module),
      );
    }),
  );

command(program, "migrate", "bring the schema of DATABASE_URL up to date").action(
  async (_options: Options, own: Command) =>
    inside(own, async ({ config }) => {
      const { migrate } = await import("./db/migrate.js");
      const lines: string[] = [];
      const migrations = await migrate(config.DATABASE_URL, (line) => lines.push(line));
      const changed = migrations.length > 0;
      return { changed, lines: changed ? lines : ["the schema is up to date"], data: { migrations } };
    }),
);

// Values that are already in the environment win over those in the file.
if (existsSync(projectFile(".env"))) loadEnvFile(projectFile(".env"));
try {
  await program.parseAsync();
} catch (error) {
  // Commander has told what is wrong, and has no error code for help that was asked for.
  if (!(error instanceof CommanderError)) throw error;
  process.exitCode = error.exitCode === 0 ? 0 : EXIT.usage;
}

/** Of all that is cached: the whole backend says it, so that other commands go without. */
async function cachedModules(): Promise<readonly string[]> {
  return process.argv.includes("cache") ? (await cacheClear()).CACHED_MODULES : [];
}

type Recorder = (target: Target, work: () => Promise<Outcome>) => Promise<Outcome>;
type Work = (admin: Admin, options: Options, args: readonly string[], record: Recorder) => Promise<Outcome>;

function group(name: string, description: string): Command {
  return strict(program.command(name).description(description));
}

function command(parent: Command, name: string, description: string): Command {
  return strict(parent.command(name).description(description))
    .option("--json", "one JSON object on standard output")
    .option("--data <folder>", "of the PostgreSQL of `npm start`, where DATABASE_URL is not set (.data)")
    .option("--reason <text>", "why, for the record")
    .option("--actor <name>", "who, for the record; default: the user and machine that this runs as");
}

function ofUser(name: string, description: string): Command {
  return command(user, name, description)
    .requiredOption("--tenant <id or name>")
    .requiredOption("--email <email>");
}

/** What is wrong is told with how it is written. */
function strict(made: Command): Command {
  return made.exitOverride().showHelpAfterError().allowExcessArguments(false);
}

/** An action that is written down. */
function run(name: string, work: Work) {
  return async (...given: unknown[]) => {
    const own = given.at(-1) as Command;
    const options = own.opts<Options>();
    await inside(own, async (admin) => {
      const [{ plain }, { recorded }, { pino }] = await Promise.all([inputs(), recording(), import("pino")]);
      const logger = pino({ base: null }, pino.destination({ dest: 2, sync: true }));
      const reason = plain("--reason", options.reason);
      const actor = plain("--actor", options.actor);
      return await work(admin, options, own.args, ({ tenantId, details = {} }, carryOut) =>
        recorded(admin, logger, { command: name, reason, actor, tenantId, details }, carryOut),
      );
    });
  };
}

function ofTenant(name: string, work: (admin: Admin, found: Tenant, options: Options) => Promise<Outcome>) {
  return run(name, async (admin, options, _args, record) => {
    const { requireTenant } = await tenants();
    const found = await requireTenant(admin.pool, options.tenant ?? "");
    return await record({ tenantId: found.id, details: { email: options.email } }, () =>
      work(admin, found, options),
    );
  });
}

async function make(
  admin: Admin,
  { id, admin: email }: Options,
  [name = ""]: readonly string[],
  record: Recorder,
): Promise<Outcome> {
  const [{ createTenant, isUuid, requireTenant }, { plain }] = await Promise.all([tenants(), inputs()]);
  const checked = plain("<name>", name) ?? "";
  if (id !== undefined && !isUuid(id)) throw wrongArguments("--id: write a UUID");
  return await record({ tenantId: id, details: { name: checked, admin: email } }, async () => {
    const made = await createTenant(admin, checked, id?.toLowerCase());
    if (email === undefined) return made;
    const found = await requireTenant(admin.pool, made.tenantId ?? "");
    const { createUser } = await users();
    const first = await createUser(admin, found, { email, role: "admin" }, {});
    return {
      ...made,
      changed: made.changed || first.changed,
      lines: [...made.lines, ...first.lines],
      data: { ...made.data, ...first.data },
      incomplete: [...(made.incomplete ?? []), ...(first.incomplete ?? [])],
    };
  });
}

/** Opens, works, prints and decides the exit code. */
async function inside(own: Command, work: (admin: Admin) => Promise<Outcome>): Promise<void> {
  const isJson = own.opts<Options>().json === true;
  const name = [own.parent === program ? "" : own.parent?.name(), own.name()].join(" ").trim();
  const { exitCodeOf, messageOf, openAdmin } = await recording();
  let admin: Awaited<ReturnType<typeof openAdmin>> | undefined;
  try {
    admin = await openAdmin(path.resolve(own.opts<Options>().data ?? projectFile(".data")));
    const { changed, lines, data, incomplete = [], notes = [] } = await work(admin);
    if (isJson) console.log(JSON.stringify({ command: name, changed, ...data, incomplete, notes }));
    else for (const line of lines) console.log(line);
    for (const note of notes) console.error(`note: ${note}`);
    for (const line of incomplete) console.error(`incomplete: ${line}; repeat this command when it is back`);
    process.exitCode = incomplete.length > 0 ? EXIT.incomplete : EXIT.done;
  } catch (error) {
    process.exitCode = exitCodeOf(error);
    const message = messageOf(error);
    if (isJson) console.log(JSON.stringify({ command: name, error: message }));
    console.error(`error: ${message}`);
  } finally {
    await admin?.close();
  }
}
