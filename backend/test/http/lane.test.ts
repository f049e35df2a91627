// The lane in front of the CRM: it answers what Express would have answered, and nothing that Express would have refused.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { SignJWT } from "jose";
import { afterTest, setClock } from "../../servers/in-test.js";
import { SECRET, TENANT_A, TENANT_B } from "../support/crm.js";
import { bodyOf, headerOf, type LaneCrm, type LaneProcess, startLaneCrm } from "../support/lane-crm.js";

const LIST = "/api/accounts";

/** Asks once, and says whether Express has seen it. */
async function asked(process: LaneProcess, ...request: Parameters<LaneProcess["ask"]>) {
  const before = process.dispatched();
  const answer = await process.ask(...request);
  return { answer, reachedApp: process.dispatched() > before };
}

async function isRefused(process: LaneProcess, token: string, target = LIST): Promise<void> {
  const { answer, reachedApp } = await asked(process, token, target);
  assert.match(answer, /^HTTP\/1.1 401 .*Content-Type: application\/problem\+json/s);
  assert.ok(reachedApp);
}

async function isAnsweredInLane(process: LaneProcess, token: string, target = LIST): Promise<string> {
  const { answer, reachedApp } = await asked(process, token, target);
  assert.match(answer, /^HTTP\/1.1 200 /);
  assert.ok(!reachedApp, "Express did not run");
  return answer;
}

const create = (process: LaneProcess, token: string, name: string) =>
  process.ask(token, LIST, { method: "POST", body: { name } });

describe("the lane in front of the CRM", () => {
  let crm: LaneCrm;
  let here: LaneProcess;
  let there: LaneProcess;
  let member: string;
  beforeAll(async () => {
    crm = await startLaneCrm({ rateLimit: { max: 10_000, windowSeconds: 60 } });
    ({ here, there } = crm);
    member = await crm.token("member");
    assert.match(await create(here, member, "Seen from the lane"), /^HTTP\/1.1 201 /);
  });
  afterAll(() => crm.close());

  /** What each request counts is another. */
  const uncounted = (answer: string) => answer.replace(/^(RateLimit: .*); r=\d+; t=\d+/gim, "$1; r=-; t=-");

  test("hits do not reach Express, and every byte is the one that Express sends", async () => {
    for (const target of [LIST, `${LIST}?limit=5&sort=name`, `${LIST}/count`, "/api/leads"]) {
      // While the session is new, Express answers twice: the second time with a hit.
      const token = await crm.token("member", { subject: target });
      const { viaApp, viaLane } = await here.warm(token, target);
      assert.match(viaApp, /Cache-Status: express-tenant-cache; hit/);
      assert.match(viaApp, /^RateLimit: .*; r=\d+; t=\d+/im);
      assert.match(viaApp, /^Content-Security-Policy: /m);
      assert.equal(uncounted(viaLane), uncounted(viaApp), target);
    }
    const id = bodyOf(await here.ask(member, LIST)).data[0].id;
    const token = await crm.token("member", { subject: "details" });
    const { viaApp, viaLane } = await here.warm(token, `${LIST}/${id}`);
    assert.match(viaApp, /Cache-Status: express-tenant-cache; hit/);
    assert.equal(uncounted(viaLane), uncounted(viaApp));
  });

  test("HEAD and If-None-Match are answered, with the bytes that Express sends", async () => {
    const etag = headerOf((await here.warm(member, LIST)).viaLane, "ETag");
    assert.ok(etag);
    for (const request of [{ method: "HEAD" }, { headers: { "If-None-Match": etag } }]) {
      // A token of its own has Express answer; the second answer is a hit of Express, the third one of the lane.
      const token = await crm.token("member", { subject: `somebody else ${JSON.stringify(request)}` });
      await here.warm(token, `${LIST}?limit=1`);
      const viaApp = await asked(here, token, LIST, request);
      const viaLane = await asked(here, token, LIST, request);
      assert.ok(viaApp.reachedApp && !viaLane.reachedApp);
      assert.match(viaLane.answer, request.method ? /^HTTP\/1.1 200 / : /^HTTP\/1.1 304 /);
      assert.ok(viaLane.answer.endsWith("\r\n\r\n"), "no body");
      assert.equal(uncounted(viaLane.answer), uncounted(viaApp.answer));
    }
  });

  test("another tenant and another role get their own answers", async () => {
    await here.warm(member, LIST);
    const stranger = await crm.token("member", { tenantId: TENANT_B });
    const { viaApp, viaLane } = await here.warm(stranger, LIST);
    for (const answer of [viaApp, viaLane]) assert.equal(bodyOf(answer).pagination.total, 0);
    const viewer = await crm.token("viewer");
    assert.ok(
      (await asked(here, viewer, LIST)).reachedApp,
      "what the member may read says nothing about the viewer",
    );
    const refused = await asked(here, viewer, "/api/system/cache-stats");
    assert.match(refused.answer, /^HTTP\/1.1 403 /);
  });

  test("no token, and one that differs in a character: 401 from the app", async () => {
    await here.warm(member, LIST);
    assert.match(await here.ask(undefined, LIST), /^HTTP\/1.1 401 /);
    await isRefused(here, `${member.slice(0, -2)}${member.endsWith("AA") ? "BB" : "AA"}`);
  });

  test("?tenant_id= of another tenant is refused; a superadmin's choice is the app's", async () => {
    const own = `${LIST}?tenant_id=${TENANT_A}`;
    const other = `${LIST}?tenant_id=${TENANT_B}`;
    const ours = bodyOf((await here.warm(member, own)).viaLane).pagination.total;
    for (let time = 0; time < 3; time++) {
      const { answer, reachedApp } = await asked(here, member, other);
      assert.match(answer, /^HTTP\/1.1 403 /);
      assert.ok(reachedApp);
    }
    for (const tenantId of [TENANT_A, ""]) {
      const superadmin = await crm.token("superadmin", { tenantId });
      for (let time = 0; time < 4; time++) {
        for (const [target, expected] of [
          [own, ours],
          [other, 0],
        ] as const) {
          const { answer, reachedApp } = await asked(here, superadmin, target);
          assert.equal(bodyOf(answer).pagination.total, expected);
          assert.ok(reachedApp);
        }
      }
    }
  });

  test("after a mutation, in this process or another, the answer is new", async () => {
    for (const writer of [here, there]) {
      const { viaLane } = await here.warm(member, LIST);
      assert.match(await create(writer, member, "One more"), /^HTTP\/1.1 201 /);
      const { answer } = await asked(here, member, LIST);
      assert.equal(bodyOf(answer).pagination.total, bodyOf(viaLane).pagination.total + 1);
      // What is stored anew is served from the lane at once: it knows the URL.
      assert.equal(
        bodyOf(await isAnsweredInLane(here, member)).pagination.total,
        bodyOf(answer).pagination.total,
      );
    }
  });

  test("an expired token is refused", async () => {
    const token = await crm.token("member", { expiresInSeconds: 600 });
    await here.warm(token, LIST);
    setClock(Date.now() + 700_000);
    await isRefused(here, token);
  });

  test("a logout ends the lane's answers in every process, before it is answered", async () => {
    for (const [name, process] of [
      ["here", here],
      ["there", there],
    ] as const) {
      const { token, refreshToken } = await crm.login(`logout-${name}@a.example`);
      await here.warm(token, LIST);
      await there.warm(token, LIST);
      assert.match(await process.ask(token, "/api/auth/logout", { method: "POST" }), /^HTTP\/1.1 204 /);
      await isRefused(here, token);
      await isRefused(there, token);
      await isRefused(here, token);
      const refresh = { method: "POST", body: { refresh_token: refreshToken } };
      assert.match(await there.ask(undefined, "/api/auth/refresh", refresh), /^HTTP\/1.1 401 /);
    }
  });

  test("a logout everywhere, and a refresh token that is used twice, end what the session was given before", async () => {
    const user = await crm.login("everywhere@a.example");
    await there.warm(user.token, LIST);
    const refresh = { method: "POST", body: { refresh_token: user.refreshToken } };
    const next = bodyOf(await here.ask(undefined, "/api/auth/refresh", refresh)).data.access_token;
    await there.warm(next, LIST);
    await isAnsweredInLane(there, user.token);
    assert.match(await here.ask(undefined, "/api/auth/refresh", refresh), /^HTTP\/1.1 401 /);
    await isRefused(there, user.token);
    await isRefused(there, next);

    const other = await crm.login("everywhere-2@a.example");
    await there.warm(other.token, LIST);
    await here.ask(other.token, "/api/auth/logout", { method: "POST", body: { everywhere: true } });
    await isRefused(there, other.token);
  });

  test("who is deactivated, deleted or given another role is not answered by any lane", async () => {
    const admin = await crm.token("admin");
    const steps = {
      deactivated: { method: "PUT", body: { is_active: false } },
      moved: { method: "PUT", body: { role: "viewer" } },
      deleted: { method: "DELETE" },
    };
    for (const [name, step] of Object.entries(steps)) {
      const email = `${name}@a.example`;
      const { id, token } = await crm.login(email);
      await here.warm(token, LIST);
      await there.warm(token, LIST);
      const body = "body" in step ? { body: { email, name: "Somebody", ...step.body } } : {};
      const done = await here.ask(admin, `/api/users/${id}`, { method: step.method, ...body });
      assert.match(done, /^HTTP\/1.1 20[04] /, name);
      await isRefused(here, token);
      await isRefused(there, token);
    }
  });

  test("hits of the lane are logged, with the request's id and what it took", async () => {
    const target = `${LIST}?limit=7`;
    await here.warm(member, target);
    for (const method of ["GET", "HEAD"]) {
      await here.ask(member, target, { method });
      const before = here.log.length;
      const id = `log-${method}`;
      const { reachedApp } = await asked(here, member, target, { method, headers: { "X-Request-Id": id } });
      assert.ok(!reachedApp);
      const [line, ...more] = here.log.slice(before);
      assert.ok(line);
      assert.deepEqual(more, []);
      const { msg, requestId, url, status, cache, ms, bytes } = line;
      assert.deepEqual(
        { msg, requestId, method: line.method, url, status },
        { msg: "request", requestId: id, method, url: target, status: 200 },
      );
      assert.match(cache, /^express-tenant-cache; hit; ttl=\d+$/);
      assert.ok(ms > 0 && Number(bytes) > 0);
    }
  });

  test("a hit of the lane has a request id of its own where the client gives none that is usable", async () => {
    await here.warm(member, LIST);
    const ids = [];
    for (let time = 0; time < 2; time++) {
      const { answer, reachedApp } = await asked(here, member, LIST, {
        headers: { "X-Request-Id": "not usable" },
      });
      assert.ok(!reachedApp);
      ids.push(headerOf(answer, "X-Request-Id"));
    }
    assert.match(ids[0] ?? "", /^[0-9a-f-]{36}$/);
    assert.notEqual(ids[0], ids[1]);
  });
});

describe("the lane and the rate limit", () => {
  test("hits count in the app's limit, and above it the app refuses", async () => {
    const crm = await startLaneCrm({ rateLimit: { max: 12, windowSeconds: 600 } });
    afterTest(() => crm.close());
    const { here } = crm;
    const token = await crm.token("member");
    let { viaLane: answer } = await here.warm(token, LIST);
    const remaining = () => Number(/; r=(\d+);/.exec(headerOf(answer, "RateLimit") ?? "")?.[1]);
    for (let left = remaining(); left > 0; left--) {
      assert.equal(remaining(), left);
      answer = await isAnsweredInLane(here, token);
    }
    assert.equal(remaining(), 0);
    const lines = here.log.length;
    const refused = await asked(here, token, LIST);
    assert.ok(refused.reachedApp);
    assert.match(refused.answer, /^HTTP\/1.1 429 /);
    assert.match(refused.answer, /Content-Type: application\/problem\+json/);
    assert.ok(Number(headerOf(refused.answer, "Retry-After")) > 0);
    // Once, not also by the lane.
    for (const name of ["RateLimit", "RateLimit-Policy", "X-Request-Id"]) {
      assert.equal(refused.answer.match(new RegExp(`^${name}: `, "gim"))?.length, 1, name);
    }
    assert.deepEqual(
      here.log.slice(lines).map(({ status }) => status),
      [429],
    );
    // A refusal by Express, and another subject's answer, are as ever.
    assert.match(await here.ask(token, "/api/leads"), /^HTTP\/1.1 429 /);
    await here.warm(await crm.token("member", { subject: "somebody else" }), LIST);
  });
});

describe("the lane of a process that has its cache for itself", () => {
  test("leaves tokens that can be revoked to the app: it would not hear of another process's logout", async () => {
    const crm = await startLaneCrm({ isCacheShared: false });
    afterTest(() => crm.close());
    const { token } = await crm.login("alone@a.example");
    for (let time = 0; time < 4; time++) {
      const { answer, reachedApp } = await asked(crm.there, token, LIST);
      assert.match(answer, /^HTTP\/1.1 200 /);
      assert.ok(reachedApp);
    }
    await crm.here.ask(token, "/api/auth/logout", { method: "POST" });
    await isRefused(crm.there, token);
  });

  test("leaves tokens without id to the app, too, which asks whether their tenant is suspended", async () => {
    const crm = await startLaneCrm({ isCacheShared: false });
    afterTest(() => crm.close());
    const token = await new SignJWT({ role: "viewer", tenant_id: TENANT_A })
      .setProtectedHeader({ alg: "HS256" })
      .setSubject("somebody")
      .setExpirationTime("1h")
      .sign(new TextEncoder().encode(SECRET));
    for (let time = 0; time < 4; time++) {
      const { answer, reachedApp } = await asked(crm.here, token, LIST);
      assert.match(answer, /^HTTP\/1.1 200 /);
      assert.ok(reachedApp);
    }
  });
});
