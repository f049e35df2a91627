// Servers that an operator loses while two backend processes serve: each of the three, the disk of PostgreSQL, and everything at once.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { Redis } from "ioredis";
import { type DurablePostgres, startDurablePostgres } from "../../servers/index.js";
import { until } from "../../servers/until.js";
import {
  type Answer,
  type OperatedCrm,
  type RunningBackend,
  startOperatedCrm,
  untilHits,
} from "../support/operated-crm.js";

const LIST = "/api/accounts?limit=100";
const EMAIL = "admin@t.example";
const PASSWORD = "a password that is kept";
const PROBLEM = "application/problem+json; charset=utf-8";

describe("a lost server", () => {
  let postgres: DurablePostgres;
  let crm: OperatedCrm;
  let backends: readonly RunningBackend[];
  let tenantId: string;
  /** Of the tenant's administrator, by logging in. */
  let token: string;
  let refreshToken: string;
  let revoked: string;
  const made: string[] = [];

  const post = (path: string, body: object, bearer = "", [backend] = backends) =>
    backend?.ask(bearer, path, { method: "POST", body }) ?? assert.fail("there are backends");
  const logIn = (from = backends) =>
    post("/api/auth/login", { tenant_id: tenantId, email: EMAIL, password: PASSWORD }, "", from);
  const both = (ask: (backend: RunningBackend) => Promise<Answer>) => Promise.all(backends.map(ask));
  const statuses = async (bearer: string, path: string) =>
    (await both(({ ask }) => ask(bearer, path))).map(({ status }) => status);

  async function make(name: string, through = backends): Promise<void> {
    const created = await post("/api/accounts", { name }, token, through);
    assert.equal(created.status, 201, JSON.stringify(created.body));
    made.push(name);
  }

  /** What both processes list is what was made: no more, no less. @param hits whether it comes from the cache */
  async function listsAreRight({ hits }: { hits: boolean }): Promise<void> {
    if (hits) await untilHits(token, LIST, backends);
    for (const answer of await both(({ ask }) => ask(token, LIST))) {
      if (hits) assert.equal(answer.cache, "hit");
      isWhatWasMade(answer);
    }
  }

  function isWhatWasMade({ status, body }: Answer): void {
    assert.equal(status, 200);
    assert.deepEqual(body.data.map(({ name }: { name: string }) => name).sort(), [...made].sort());
  }

  /** A busy machine may have PostgreSQL answer too late for once. @param because what is not "ok" in the answer */
  async function allReady(...because: string[]): Promise<void> {
    const expected = because.length === 0 ? "ok" : "degraded";
    for (const { ask } of backends)
      await until(`ready and ${expected}`, async () => {
        const { status, body } = await ask("", "/api/system/health/ready");
        const checks: [string, { status: string }][] = Object.entries(body.checks);
        const wrong = checks.filter(([, check]) => check.status !== "ok").map(([name]) => name);
        return status === 200 && body.status === expected && wrong.join() === because.join();
      });
  }

  /** SIGKILL, once what it has answered is in its file: while the disk is busy, that takes up to two seconds. */
  async function killState(): Promise<void> {
    const client = new Redis(crm.state.url);
    const isWritten = async () => (await client.info("persistence")).includes("aof_buffer_length:0\r\n");
    await until("all of it is in the file", isWritten);
    client.disconnect();
    await crm.state.kill();
  }

  function isProblem({ status, headers, body }: Answer, detail: RegExp): void {
    assert.equal(status, 503, JSON.stringify(body));
    assert.equal(headers.get("content-type"), PROBLEM);
    assert.match(headers.get("retry-after") ?? "", /^[1-9]\d*$/);
    assert.match(body.detail, detail);
  }

  beforeAll(async () => {
    postgres = await startDurablePostgres();
    crm = await startOperatedCrm({ postgres, env: { RATE_LIMIT_MAX: "1000000" } });
    await crm.done("migrate");
    backends = await Promise.all([crm.start(), crm.start()]);
    const { tenant } = await crm.done("tenant", "create", "Ours");
    tenantId = tenant.id;
    const user = ["--tenant", "Ours", "--email", EMAIL];
    const created = await crm.admin(
      ["user", "create", ...user, "--role", "admin", "--password-stdin", "--permanent"],
      { input: PASSWORD },
    );
    assert.equal(created.code, 0, created.stderr);
    revoked = (await logIn()).body.data.access_token;
    ({ access_token: token, refresh_token: refreshToken } = (await logIn()).body.data);
    await untilHits(revoked, LIST, backends);
    assert.equal((await post("/api/auth/logout", {}, revoked)).status, 204);
    await make("First");
  });
  afterAll(() => crm.close());

  test("the cache's Redis: lists are right without it, and hits again once there is one, which is empty", async () => {
    await listsAreRight({ hits: true });
    await crm.cache.kill();
    await listsAreRight({ hits: false });
    for (const through of [backends, backends.slice(1)]) {
      await make(`Without a cache ${made.length}`, through);
      await listsAreRight({ hits: false });
    }
    await allReady("cache");
    assert.deepEqual(await statuses(revoked, LIST), [401, 401]);

    await crm.cache.restart();
    await listsAreRight({ hits: true });
    await make("With a new cache");
    await listsAreRight({ hits: true });
  });

  test("the persistent Redis: what needs it is 503; with its file, revoked stays revoked, and sessions go on", async () => {
    await listsAreRight({ hits: true });
    await killState();
    for (const backend of backends) {
      isProblem(await backend.ask(token, "/api/users"), /tokens are still good cannot be known/);
      isProblem(await backend.ask(revoked, LIST), /tokens are still good cannot be known/);
      isProblem(await logIn([backend]), /cannot be known now/);
      const refresh = { refresh_token: refreshToken };
      isProblem(await post("/api/auth/refresh", refresh, "", [backend]), /cannot be known now/);
      isProblem(await post("/api/accounts", { name: "No" }, token, [backend]), /cannot be known now/);
    }
    for (const { ask } of backends) {
      const answer = await ask(token, LIST);
      // A hit as long as the lane remembers this token: a logout would have replaced the fence of its tag.
      if (answer.status === 200) isWhatWasMade(answer);
      else isProblem(answer, /tokens are still good cannot be known/);
    }
    await allReady("state");

    await crm.state.restart();
    for (const backend of backends)
      await until("it asks again", async () => (await backend.ask(token, "/api/users")).status === 200);
    assert.deepEqual(await statuses(revoked, LIST), [401, 401]);
    assert.equal((await backends[1]?.ask(token, "/api/auth/sessions"))?.body.data.length, 1);
    await refreshed();
    await listsAreRight({ hits: true });
  });

  /** The session goes on: what its refresh token gives is a token that both processes take. */
  async function refreshed(): Promise<void> {
    const answer = await post("/api/auth/refresh", { refresh_token: refreshToken }, "", backends.slice(1));
    assert.equal(answer.status, 200);
    ({ access_token: token, refresh_token: refreshToken } = answer.body.data);
    assert.deepEqual(await statuses(token, "/api/users"), [200, 200]);
  }

  test("a full disk of PostgreSQL: writes say so, reads go on, nothing is left behind, and it ends by itself", async () => {
    await listsAreRight({ hits: true });
    const [account] = (await backends[0]?.ask(token, LIST))?.body.data ?? [];
    const one = `/api/accounts/${account.id}`;
    const detail = /^The database takes no changes now, and reading goes on\./;
    for (const code of ["disk_full", "read_only_sql_transaction"]) {
      await refuseWrites(code);
      for (const backend of backends) {
        isProblem(await post("/api/accounts", { name: "No room" }, token, [backend]), detail);
        isProblem(await backend.ask(token, one, { method: "DELETE" }), detail);
        isProblem(await backend.ask(token, one, { method: "PUT", body: { name: "No room" } }), detail);
        isProblem(await logIn([backend]), detail);
        isProblem(await post("/api/auth/refresh", { refresh_token: refreshToken }, "", [backend]), detail);
        assert.equal((await backend.ask(token, one)).body.data.name, account.name);
      }
      // What has failed has ended the entries: they are filled again, which the cache's Redis has room for.
      await listsAreRight({ hits: true });
      assert.deepEqual(await statuses(token, "/api/system/cache-stats"), [200, 200]);
      await allReady("database");
      assert.deepEqual(await statuses(revoked, LIST), [401, 401]);
      const suspend = await crm.admin(["tenant", "suspend", "Ours"]);
      assert.equal(suspend.code, 1);
      assert.match(suspend.stderr, /^error: simulated/m);

      await crm.sql("DROP FUNCTION refuse_writes CASCADE");
      await make(`After ${code}`, backends.slice(1));
      await listsAreRight({ hits: true });
      await refreshed();
    }
    // What comes and goes has not ended: it has to go well for a while.
    for (const { ask, process } of backends) {
      await until("it takes changes", async () => {
        const body = { name: account.name };
        assert.equal((await ask(token, one, { method: "PUT", body })).status, 200);
        return process.output.text.includes("database: takes changes again");
      });
    }
    await allReady();
  });

  /** Every statement that writes fails as it does where PostgreSQL can write nothing. */
  async function refuseWrites(condition: string): Promise<void> {
    await crm.sql(
      `CREATE FUNCTION refuse_writes() RETURNS trigger LANGUAGE plpgsql AS
       $$BEGIN RAISE ${condition} USING MESSAGE = 'simulated ${condition}'; END$$`,
    );
    await crm.sql(
      `DO $$DECLARE name text; BEGIN
         FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
           EXECUTE format('CREATE TRIGGER refuse BEFORE INSERT OR UPDATE OR DELETE ON %I EXECUTE FUNCTION refuse_writes()', name);
         END LOOP;
       END$$`,
    );
  }

  test("PostgreSQL: cached lists go on, the rest is 503, and it is used again when it is back", async () => {
    await listsAreRight({ hits: true });
    await postgres.kill();
    for (const backend of backends) {
      isProblem(await backend.ask(token, "/api/leads?limit=7"), /^The database cannot answer now/);
      assert.equal((await backend.ask(token, LIST)).cache, "hit");
    }
    assert.deepEqual(await statuses("", "/api/system/health/ready"), [503, 503]);
    assert.deepEqual(await statuses("", "/api/system/health/live"), [200, 200]);
    isProblem(await post("/api/accounts", { name: "Lost" }, token), /^The database cannot answer now/);

    await postgres.restart();
    await allReady();
    await make("After PostgreSQL");
    await listsAreRight({ hits: true });
  });

  test("everything at once, by SIGKILL: tenants, logins, revocations and suspensions are there, and lists are cached again", async () => {
    const { token: suspended } = await crm.done(...(await suspendedTenant()));
    await crm.done("tenant", "suspend", "Suspended");
    await Promise.all([
      ...backends.map(({ process }) => process.kill()),
      postgres.kill(),
      crm.cache.kill(),
      killState(),
    ]);
    await Promise.all([postgres.restart(), crm.cache.restart(), crm.state.restart()]);
    backends = await Promise.all([crm.start(), crm.start()]);
    const first = await backends[0]?.ask(token, LIST);
    assert.equal(first?.status, 200);
    assert.notEqual(first?.cache, "hit", "the cache's Redis keeps nothing");
    await listsAreRight({ hits: true });
    for (const path of [LIST, "/api/users", "/api/system/cache-stats"]) {
      assert.deepEqual(await statuses(revoked, path), [401, 401]);
      assert.deepEqual(await statuses(suspended, path), [401, 401]);
    }
    await refreshed();
    assert.equal((await logIn()).status, 200);
    await make("After everything");
    await listsAreRight({ hits: true });
  });

  /** The words of the command that issues a token of it. */
  async function suspendedTenant(): Promise<string[]> {
    await crm.done("tenant", "create", "Suspended", "--admin", EMAIL);
    return ["token", "issue", "--tenant", "Suspended", "--email", EMAIL];
  }
});
