// The first hour in production: from an empty database to a cached list, a second tenant, a password of one's own, a suspension.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { startDurablePostgres } from "../../servers/index.js";
import {
  type Answer,
  firstCommands,
  type OperatedCrm,
  type RunningBackend,
  startOperatedCrm,
  untilHits,
} from "../support/operated-crm.js";

const EMAIL = "you@example.com";
const OWN_PASSWORD = "only I know this one";

describe("the first hour in production", () => {
  let crm: OperatedCrm;
  let backends: readonly RunningBackend[];
  /** What the log has told to ask for. */
  let list: string;
  let tenantId: string;
  let firstPassword: string;
  /** Of the first tenant's administrator, one after the other. */
  let token: string;

  /** What both processes answer. */
  const both = (ask: (backend: RunningBackend) => Promise<Answer>) => Promise.all(backends.map(ask));
  const statuses = async (bearer: string, path: string) =>
    (await both((backend) => backend.ask(bearer, path))).map(({ status }) => status);
  const post = (path: string, body: object, bearer = "", [backend] = backends) =>
    backend?.ask(bearer, path, { method: "POST", body }) ?? assert.fail("there are backends");
  const logIn = (password: string) =>
    post("/api/auth/login", { tenant_id: tenantId, email: EMAIL, password });

  beforeAll(async () => {
    const postgres = await startDurablePostgres();
    crm = await startOperatedCrm({ postgres });
    // At the same time, against a database without a schema.
    backends = await Promise.all([crm.start(), crm.start()]);
  });
  afterAll(() => crm.close());

  test("both processes say the two commands, and these lead to a list: miss, hit, and hit in the other process", async () => {
    const [first, second] = backends;
    assert.ok(first && second);
    for (const { process, url } of backends) {
      await process.logged('"msg":"curl');
      assert.equal(new URL(firstCommands(process.output.text).url).origin, url);
    }
    const { create, issue, url } = firstCommands(first.process.output.text);
    list = new URL(url).pathname;

    const made = await crm.admin(create);
    assert.equal(made.code, 0, made.stderr);
    const shown = /^made tenant (\S+) .*\nmade user \S+ {2}(\S+)\npassword, shown once: (\S+)\n/.exec(
      made.stdout,
    );
    assert.ok(shown, made.stdout);
    [, tenantId = "", , firstPassword = ""] = shown;
    assert.equal(shown[2], EMAIL);
    const issued = await crm.admin(issue);
    assert.match(issued.stdout, /^[\w-]+\.[\w-]+\.[\w-]+\n$/);
    token = issued.stdout.trim();

    const answers = [await first.ask(token, list)];
    // Stored behind the response.
    do answers.push(await first.ask(token, list));
    while (answers.at(-1)?.cache !== "hit");
    answers.push(await second.ask(token, list));
    assert.deepEqual([answers[0]?.cache, answers.at(-1)?.cache], ["miss", "hit"]);
    for (const { status, body } of answers) {
      assert.equal(status, 200);
      assert.deepEqual(body, { data: [], pagination: { total: 0, limit: body.pagination.limit, offset: 0 } });
    }
    // What is made through one is seen through the other.
    assert.equal((await post("/api/accounts", { name: "Ours" }, token, [second])).status, 201);
    for (const { body } of await both(({ ask }) => ask(token, list))) assert.deepEqual(names(body), ["Ours"]);

    // Said to nobody who has a tenant.
    const later = await crm.start();
    later.process.child.kill("SIGINT");
    assert.equal(await later.process.ended, 0);
    assert.doesNotMatch(later.process.output.text, /tenant create/);
  });

  test("a second tenant sees none of it, and neither does its own first hour disturb the first", async () => {
    await untilHits(token, list, backends);
    await crm.done("tenant", "create", "Second", "--admin", "other@example.com");
    const { token: other } = await crm.done(
      "token",
      "issue",
      "--tenant",
      "Second",
      "--email",
      "other@example.com",
    );
    for (const { status, body } of await both(({ ask }) => ask(other, list))) {
      assert.equal(status, 200);
      assert.deepEqual(body.data, []);
    }
    const [ours] = (await backends[0]?.ask(token, list))?.body.data ?? [];
    for (const backend of backends) {
      assert.equal((await backend.ask(other, `/api/accounts/${ours.id}`)).status, 404);
      assert.equal((await backend.ask(other, `${list}?tenant_id=${tenantId}`)).status, 403);
      assert.deepEqual(emails((await backend.ask(other, "/api/users")).body), ["other@example.com"]);
    }
    assert.equal((await post("/api/accounts", { name: "Theirs" }, other)).status, 201);
    for (const { cache, body } of await both(({ ask }) => ask(token, list))) {
      assert.equal(cache, "hit");
      assert.deepEqual(names(body), ["Ours"]);
    }
  });

  test("the password that the operator has seen is good for changing it, and its tokens for nothing after that", async () => {
    const loggedIn = await logIn(firstPassword);
    assert.equal(loggedIn.status, 200);
    const { access_token: given, refresh_token, password_change_required: isRequired } = loggedIn.body.data;
    assert.equal(isRequired, true);
    for (const path of [list, "/api/users", "/api/system/cache-stats"]) {
      for (const { status, body } of await both(({ ask }) => ask(given, path))) {
        assert.equal(status, 403, path);
        assert.match(body.detail, /Change your password first: POST \/api\/auth\/password/);
      }
    }
    await untilHits(token, list, backends);

    const change = { current_password: firstPassword, new_password: OWN_PASSWORD };
    const changed = await post("/api/auth/password", change, given);
    assert.equal(changed.status, 200);
    assert.equal(changed.body.data.password_change_required, false);
    // The token that the operator has issued for the user, too, whose list both processes have just answered from the cache.
    for (const old of [given, token]) assert.deepEqual(await statuses(old, list), [401, 401]);
    assert.equal((await post("/api/auth/refresh", { refresh_token }, "", backends.slice(1))).status, 401);
    assert.equal((await logIn(firstPassword)).status, 401);

    token = changed.body.data.access_token;
    await untilHits(token, list, backends);
    const again = await logIn(OWN_PASSWORD);
    assert.equal(again.body.data.password_change_required, false);
    assert.deepEqual(await statuses(again.body.data.access_token, list), [200, 200]);
  });

  test("a suspended tenant's tokens stop at once in both processes, cached lists too; resumed they go on", async () => {
    await untilHits(token, list, backends);
    const suspended = await crm.admin(["tenant", "suspend", "Example", "--reason", "unpaid"]);
    assert.equal(suspended.code, 0, suspended.stderr);
    for (const path of [list, "/api/users", "/api/system/cache-stats"]) {
      for (const { status, body } of await both(({ ask }) => ask(token, path))) {
        assert.equal(status, 401, path);
        assert.equal(body.detail, "The tenant is suspended.");
      }
    }
    assert.equal((await logIn(OWN_PASSWORD)).status, 401);
    assert.match((await crm.admin(["tenant", "list"])).stdout, /Example {2}\(suspended .*: unpaid\)/);

    assert.equal((await crm.admin(["tenant", "resume", "Example"])).code, 0);
    await untilHits(token, list, backends);
    for (const { body } of await both(({ ask }) => ask(token, list))) assert.deepEqual(names(body), ["Ours"]);
    assert.equal((await logIn(OWN_PASSWORD)).status, 200);
  });

  test("all of it is on record, without a secret", async () => {
    const log = await crm.sql("SELECT command, result, details::text, reason FROM admin_log ORDER BY id");
    assert.deepEqual(
      log.map(({ command, result }) => `${command}: ${result}`),
      ["tenant create", "token issue", "tenant create", "token issue", "tenant suspend", "tenant resume"].map(
        (command) => `${command}: done`,
      ),
    );
    const text = JSON.stringify(log);
    for (const secret of [firstPassword, OWN_PASSWORD, token]) assert.ok(!text.includes(secret));
  });
});

const names = ({ data }: Answer["body"]): string[] => data.map(({ name }: { name: string }) => name);
const emails = ({ data }: Answer["body"]): string[] => data.map(({ email }: { email: string }) => email);
