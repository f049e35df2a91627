// `npm run admin` as operators use it: real processes, from an empty database on.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { decodeJwt, SignJWT } from "jose";
import { startEmbeddedPostgres } from "../../db/embedded-postgres.js";
import { afterTest } from "../../servers/in-test.js";
import {
  type OperatedCrm,
  type RunningBackend,
  startOperatedCrm,
  untilHits,
} from "../support/operated-crm.js";

const LIST = "/api/accounts?limit=3";

describe("npm run admin", () => {
  let crm: OperatedCrm;
  let backends: readonly RunningBackend[];
  const database: OperatedCrm["sql"] = (...query) => crm.sql(...query);
  /** A token of a tenant of its own, which both processes have a hit for. */
  async function tenantWithHits(name: string, own = backends) {
    const { tenant } = await crm.done("tenant", "create", name, "--admin", "admin@t.example");
    const { token } = await crm.done("token", "issue", "--tenant", name, "--email", "admin@t.example");
    await untilHits(token, LIST, own);
    return { id: String(tenant.id), token: String(token) };
  }
  const statuses = async (token: string, paths: readonly string[], own = backends) =>
    await Promise.all(
      own.flatMap((backend) => paths.map(async (path) => (await backend.ask(token, path)).status)),
    );

  beforeAll(async () => {
    crm = await startOperatedCrm();
    assert.match((await crm.admin(["tenant", "list"])).stderr, /schema .* npm run admin -- migrate/);
    const first = await crm.done("migrate");
    assert.equal(first.changed, true);
    assert.equal((await crm.done("migrate")).changed, false);
    backends = [await crm.start(), await crm.start()];
  });
  afterAll(() => crm.close());

  test("without DATABASE_URL: the database that npm start runs, or a line that says how to name one", async () => {
    const folder = mkdtempSync(path.join(tmpdir(), "admin-start-"));
    const at = { env: { DATABASE_URL: "" } };
    const { stderr } = await crm.admin(["tenant", "list", "--data", folder], at);
    assert.match(stderr, /DATABASE_URL is not set, and no `npm start` runs a PostgreSQL in .*--data/);
    const postgres = await startEmbeddedPostgres({ folder, durable: false, log: () => undefined });
    afterTest(async () => {
      await postgres.stop();
      for (const each of [folder, postgres.folder]) rmSync(each, { recursive: true, force: true });
    });
    for (const command of [["migrate"], ["tenant", "create", "Beside npm start"]])
      assert.equal((await crm.admin([...command, "--data", folder], at)).code, 0);
    const { stdout } = await crm.admin(["tenant", "list", "--json", "--data", folder], at);
    assert.deepEqual(
      JSON.parse(stdout).tenants.map(({ name }: { name: string }) => name),
      ["Beside npm start"],
    );
  });

  test("wrong arguments: exit code 2, and what to write", async () => {
    for (const [args, told] of [
      [[], /Commands:/],
      [["tenant"], /create \[options\] <name>/],
      [["tenant", "creat", "X"], /Did you mean create\?/],
      [["tenant", "create"], /missing required argument 'name'/],
      [["tenant", "create", "X", "--id", "7"], /--id: write a UUID/],
      [["tenant", "create", " "], /<name>/],
      [["tenant", "suspend", "X", "--because", "y"], /unknown option '--because'/],
      [["user", "create", "--tenant", "X"], /required option '--email/],
      [
        ["user", "create", "--tenant", "X", "--email", "a@b.example", "--role", "boss"],
        /viewer, member, admin/,
      ],
      [["token", "issue"], /--tenant/],
      [["cache", "clear"], /required option '--tenant/],
    ] as const) {
      const { code, stderr } = await crm.admin(args);
      assert.equal(code, 2, `${args.join(" ")}: ${stderr}`);
      assert.match(stderr, told);
    }
    const { code, stdout } = await crm.admin(["tenant", "suspend", "Nobody", "--json"]);
    assert.equal(code, 1);
    assert.match(JSON.parse(stdout).error, /tenant list/);
  });

  test("repeated commands change nothing and succeed; everything is in admin_log, and nothing secret is", async () => {
    const made = await crm.done(
      "tenant",
      "create",
      "Twice",
      "--admin",
      "a@twice.example",
      "--reason",
      "sold",
    );
    assert.equal(made.changed, true);
    const again = await crm.done("tenant", "create", "Twice", "--admin", "a@twice.example");
    assert.deepEqual([again.changed, again.tenant.id, again.password], [false, made.tenant.id, undefined]);
    const atOnce = [1, 2].map(() => crm.admin(["tenant", "create", "At once", "--json"]));
    const both = (await Promise.all(atOnce)).map(({ stdout }) => JSON.parse(stdout));
    assert.equal(both[0].tenant.id, both[1].tenant.id);
    const of = ["--tenant", "Twice", "--email", "a@twice.example"];
    const invited = await crm.done("user", "invite", ...of, "--actor", "maria");
    assert.equal((await crm.done("user", "deactivate", ...of)).changed, true);
    assert.equal((await crm.done("user", "deactivate", ...of)).changed, false);
    assert.equal((await crm.admin(["user", "invite", ...of])).code, 1);
    assert.equal((await crm.done("user", "activate", ...of)).changed, true);
    assert.equal((await crm.done("tenant", "delete", "Twice", "--yes")).changed, true);
    assert.equal((await crm.done("tenant", "delete", "Twice", "--yes")).changed, false);

    const log = await database(
      "SELECT * FROM admin_log WHERE tenant_id = $1 OR details->>'name' = 'Twice' ORDER BY id",
      [made.tenant.id],
    );
    assert.deepEqual(
      log.map(({ command, result }) => [command, result.replace(/: .*/s, "")]),
      [
        ["tenant create", "done"],
        ["tenant create", "nothing to change"],
        ["user invite", "done"],
        ["user deactivate", "done"],
        ["user deactivate", "nothing to change"],
        ["user invite", "failed"],
        ["user activate", "done"],
        ["tenant delete", "done"],
        ["tenant delete", "nothing to change"],
      ],
    );
    assert.equal(log[0].reason, "sold");
    assert.match(log[0].actor, /.@./);
    assert.equal(log[2].actor, "maria");
    const text = JSON.stringify(log);
    assert.ok(!text.includes(made.password) && !text.includes(invited.invitation.token));
  });

  test("a suspended tenant's tokens stop working at once in every process, and work again when it is resumed", async () => {
    const { id, token } = await tenantWithHits("Suspended");
    const password = "a password that is kept";
    const of = ["--tenant", id, "--email", "admin@t.example"];
    const set = await crm.admin(["user", "set-password", ...of, "--password-stdin", "--permanent"], {
      input: `${password}\n`,
    });
    assert.equal(set.code, 0, set.stderr);
    // It has ended the sessions that there were.
    assert.deepEqual(await statuses(token, [LIST]), [401, 401]);
    const login = () =>
      backends[0]?.ask("", "/api/auth/login", {
        method: "POST",
        body: { tenant_id: id, email: "admin@t.example", password },
      });
    const pair = (await login())?.body.data;
    assert.equal(pair.password_change_required, false);
    const plain = await new SignJWT({ role: "viewer", tenant_id: id })
      .setProtectedHeader({ alg: "HS256" })
      .setSubject("of a provider, without jti")
      .setExpirationTime("1h")
      .sign(new TextEncoder().encode(String(crm.env.JWT_SECRET)));
    for (const each of [pair.access_token, plain]) await untilHits(each, LIST, backends);
    const paths = [LIST, "/api/users", "/api/leads", "/api/system/cache-stats", "/api/auth/sessions"];
    assert.deepEqual(await statuses(pair.access_token, paths), Array(10).fill(200));
    const neighbour = await tenantWithHits("Neighbour");

    const suspended = await crm.done("tenant", "suspend", id, "--reason", "unpaid");
    assert.deepEqual(suspended.incomplete, []);
    assert.deepEqual(await statuses(pair.access_token, paths), Array(10).fill(401));
    assert.deepEqual(await statuses(plain, paths), Array(10).fill(401));
    const refused = await backends[1]?.ask(pair.access_token, LIST);
    assert.equal(refused?.body.detail, "The tenant is suspended.");
    assert.match(refused?.headers.get("www-authenticate") ?? "", /error="invalid_token"/);
    assert.equal((await login())?.status, 401);
    const { refresh_token } = pair;
    const refresh = { method: "POST", body: { refresh_token } };
    assert.equal((await backends[1]?.ask("", "/api/auth/refresh", refresh))?.status, 401);
    assert.equal((await crm.admin(["token", "issue", ...of])).code, 1);
    assert.equal((await crm.done("tenant", "suspend", id)).changed, false);
    const { tenants } = await crm.done("tenant", "list");
    assert.equal(tenants.find((each: { id: string }) => each.id === id).suspended_reason, "unpaid");
    assert.deepEqual(await statuses(neighbour.token, [LIST]), [200, 200]);

    assert.equal((await crm.done("tenant", "resume", id)).changed, true);
    await untilHits(pair.access_token, LIST, backends);
    assert.equal((await backends[1]?.ask("", "/api/auth/refresh", refresh))?.status, 200);

    assert.equal((await crm.admin(["tenant", "delete", id])).code, 2);
    await crm.done("tenant", "delete", id, "--yes");
    assert.deepEqual(await statuses(plain, paths), Array(10).fill(401));
    assert.deepEqual(await statuses(neighbour.token, [LIST]), [200, 200]);
  });

  test("also where a process has a cache of its own, or there is no persistent Redis", async () => {
    for (const env of [{ REDIS_CACHE_URL: "" }, { REDIS_URL: "" }]) {
      const own = await Promise.all([crm.start(env), crm.start(env)]);
      const name = JSON.stringify(env).replaceAll(/\W/g, "");
      const { token } = await tenantWithHits(name, own);
      const { code } = await crm.admin(["tenant", "suspend", name], { env });
      assert.equal(code, 0);
      assert.deepEqual(await statuses(token, [LIST, "/api/users"], own), Array(4).fill(401), name);
    }
  });

  test("cache clear: what was written past the API is seen by every process, and only what was named is cleared", async () => {
    const { id, token } = await tenantWithHits("Cleared");
    const [backend] = backends;
    await backend?.ask(token, "/api/accounts", { method: "POST", body: { name: "Before" } });
    await untilHits(token, LIST, backends);
    const leads = async () => (await backend?.ask(token, "/api/leads"))?.cache;
    while ((await leads()) !== "hit");
    const names = () =>
      Promise.all(backends.map(async (each) => (await each.ask(token, LIST)).body.data[0].name));
    await database("UPDATE accounts SET name = 'After' WHERE tenant_id = $1", [id]);
    assert.deepEqual(await names(), ["Before", "Before"]);
    const cleared = await crm.done(
      "cache",
      "clear",
      "--tenant",
      "Cleared",
      "--module",
      "accounts",
      "--reason",
      "sql",
    );
    assert.equal(cleared.confirmed, true);
    assert.deepEqual(await names(), ["After", "After"]);
    assert.equal(await leads(), "hit");
    await crm.done("cache", "clear", "--tenant", id);
    assert.equal(await leads(), "miss");

    const wrong = await crm.admin(["cache", "clear", "--tenant", id, "--module", "acounts"]);
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, /Allowed choices are accounts, /);
    const without = await crm.admin(["cache", "clear", "--tenant", id], { env: { REDIS_CACHE_URL: "" } });
    assert.equal(without.code, 1);
    assert.match(without.stderr, /REDIS_CACHE_URL is not set/);
  });

  test("a deactivated user's tokens stop working in every process, those that an operator issued, too", async () => {
    const { id, token } = await tenantWithHits("Deactivated");
    assert.equal((await backends[1]?.ask(token, "/api/users"))?.body.data.length, 1);
    await crm.done("user", "deactivate", "--tenant", id, "--email", "ADMIN@t.example");
    assert.deepEqual(await statuses(token, [LIST, "/api/users"]), Array(4).fill(401));
    const { token: other } = await crm.done("token", "issue", "--tenant", id, "--role", "viewer");
    for (const { ask } of backends)
      assert.equal((await ask(other, "/api/users")).body.data[0].is_active, false);
  });

  test("overlay roles: given with the user or later, in the tokens from then on, and the earlier tokens end", async () => {
    const { tenant } = await crm.done("tenant", "create", "Overlay");
    const ofUser = ["--tenant", String(tenant.id), "--email", "ada@t.example"];
    const { user } = await crm.done("user", "create", ...ofUser, "--overlay-role", "agent");
    assert.deepEqual(user.overlay_roles, ["agent"]);
    const issued = async () => String((await crm.done("token", "issue", ...ofUser)).token);
    const agent = await issued();
    assert.deepEqual(decodeJwt(agent).overlay_roles, ["agent"]);
    const given = await crm.done(
      "user",
      "overlay-roles",
      ...ofUser,
      "--overlay-role",
      "auditor",
      "supervisor",
    );
    assert.deepEqual([given.changed, given.user.overlay_roles], [true, ["auditor", "supervisor"]]);
    assert.deepEqual(await statuses(agent, [LIST]), [401, 401]);
    assert.deepEqual(decodeJwt(await issued()).overlay_roles, ["auditor", "supervisor"]);
    const taken = await crm.done("user", "overlay-roles", ...ofUser);
    assert.deepEqual([taken.changed, taken.user.overlay_roles], [true, []]);
    assert.equal((await crm.admin(["user", "overlay-roles", ...ofUser, "--overlay-role", "owner"])).code, 2);
    const both = await crm.admin(["token", "issue", ...ofUser, "--overlay-role", "agent"]);
    assert.match(both.stderr, /a user has overlay roles of its own/);
  });

  test("what cannot be reached is said, and made good when the command is repeated", async () => {
    const { id, token } = await tenantWithHits("Unreached");
    await crm.state.kill();
    const half = await crm.admin(["tenant", "suspend", id, "--json"]);
    assert.equal(half.code, 3);
    assert.match(JSON.parse(half.stdout).incomplete.join(), /REDIS_URL/);
    await crm.state.restart();
    assert.deepEqual((await crm.done("tenant", "suspend", id)).incomplete, []);
    let refused = await statuses(token, [LIST, "/api/auth/sessions"]);
    // 503 until the processes have connected again.
    while (refused.includes(503)) refused = await statuses(token, [LIST, "/api/auth/sessions"]);
    assert.deepEqual(refused, Array(4).fill(401));
    const [row] = await database("SELECT result FROM admin_log WHERE result LIKE 'incomplete%'");
    assert.match(row.result, /REDIS_URL/);
  });
});
