// Each route of the overlay, by the role that it is for: what it answers, and what it refuses.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { type OverlayClient, type OverlayCrm, startOverlayCrm } from "../support/overlay-crm.js";
import { ADA, BOB, CHIEF, communication } from "../support/overlay-database.js";

describe("routes of the overlay", () => {
  let crm: OverlayCrm;
  let ada: OverlayClient;
  let chief: OverlayClient;
  beforeAll(async () => {
    crm = await startOverlayCrm();
    ada = await crm.as(["agent"], ADA);
    chief = await crm.as(["supervisor"], CHIEF);
  });
  afterAll(() => crm.close());

  test("clients: set, read, many at once, and how the copy stands", async () => {
    const set = await ada
      .put("/clients/hubspot/101", {
        data: { name: "Ada Lovelace" },
        source_version: "7",
        source_modified_at: "2026-03-31T08:00:00Z",
      })
      .expect(200);
    assert.equal(set.body.data.client_id, "hubspot:101");
    assert.equal(set.headers["cache-control"], "no-store");
    const { body } = await ada.get("/clients/hubspot/101").expect(200);
    assert.deepEqual(body, set.body);
    const many = await ada
      .post("/clients/batch", {
        clients: [
          { crm_system: "hubspot", crm_id: "101" },
          { crm_system: "hubspot", crm_id: "nobody" },
        ],
      })
      .expect(200);
    assert.deepEqual(many.body.data[0].client, body.data);
    assert.equal(many.body.data[1].problem.status, 404);
    await ada.put("/clients/hubspot/101/sync-status", { sync_status: "conflict" }).expect(204);
    const status = await ada.get("/clients/hubspot/101/sync-status").expect(200);
    assert.equal(status.body.data.sync_status, "conflict");
    assert.equal((await ada.get("/clients/hubspot/101")).body.data.sync_status, "conflict");
    await ada.get("/clients/hubspot/nobody").expect(404);
    await ada.get("/clients/HubSpot/101").expect(400);
  });

  test("ids of other systems may be anything that a path can spell", async () => {
    await ada.put("/clients/other/Ab%2F1%40x.example", { data: {} }).expect(200);
    const { body } = await ada.get("/clients/other/Ab%2F1%40x.example").expect(200);
    assert.equal(body.data.crm_id, "Ab/1@x.example");
  });

  test("communications: made, replaced, listed by client with a cursor, deleted", async () => {
    const made = await ada.post("/communications", communication({ client_id: "hubspot:102" })).expect(201);
    const { id } = made.body.data;
    assert.equal(made.headers.location, `/api/overlay/communications/${id}`);
    const { body } = await ada.get(`/communications/${id}`).expect(200);
    assert.deepEqual(body, made.body);
    const given = communication({ client_id: "hubspot:102", subject: "Another time" });
    const replaced = await ada.put(`/communications/${id}`, given).expect(200);
    assert.equal(replaced.body.data.subject, "Another time");
    assert.equal(replaced.body.data.created_at, made.body.data.created_at);
    await ada.put(`/communications/${id}`, { ...given, id: "other" }).expect(400);
    await ada.put(`/communications/${id}`, { ...given, client_id: "hubspot:103" }).expect(409);
    const communications = [1, 2, 3].map((n) => communication({ id: `r${n}`, client_id: "hubspot:102" }));
    await ada.post("/communications/batch", { communications }).expect(200);
    const list = "/communications?client_id=hubspot%3A102";
    const first = await ada.get(`${list}&limit=3`).expect(200);
    const second = await ada.get(`${list}&limit=3&cursor=${first.body.next_cursor}`).expect(200);
    const ids = [...first.body.data, ...second.body.data].map((each: { id: string }) => each.id);
    assert.deepEqual(ids.sort(), [id, "r1", "r2", "r3"].sort());
    assert.equal(second.body.next_cursor, undefined);
    await ada.get(`${list}&cursor=x`).expect(400);
    await ada.get(`${list}&page=2`).expect(400);
    await ada.get("/communications").expect(400);
    await ada.delete(`/communications/${id}`).expect(204);
    await ada.get(`/communications/${id}`).expect(404);
    await ada.delete(`/communications/${id}`).expect(404);
  });

  test("tasks: by client and by status", async () => {
    const task = (id: string, status: string) => ({ id, client_id: "hubspot:104", title: "Call", status });
    const tasks = [task("t1", "open"), task("t2", "done"), task("t3", "open")];
    await ada.post("/tasks/batch", { tasks }).expect(200);
    const ids = async (client: OverlayClient, query: string) => {
      const { body } = await client.get(`/tasks${query}`).expect(200);
      return body.data.map((each: { id: string }) => each.id).sort();
    };
    assert.deepEqual(await ids(ada, "?client_id=hubspot%3A104&status=open"), ["t1", "t3"]);
    assert.deepEqual(await ids(ada, "?client_id=hubspot%3A104"), ["t1", "t2", "t3"]);
    assert.deepEqual(await ids(chief, "?status=done"), ["t2"]);
    assert.deepEqual(await ids(await crm.as(["agent"], BOB), "?status=done"), []);
    await ada.put("/tasks/t1", { ...task("t1", "done") }).expect(200);
    assert.deepEqual(await ids(ada, "?client_id=hubspot%3A104&status=open"), ["t3"]);
    await ada.get("/tasks?status=lost").expect(400);
  });

  test("the queue: added, claimed, failed, given up, retried, completed", async () => {
    const action = {
      type: "draft_reply",
      client_id: "hubspot:105",
      payload: { tone: "kind" },
      max_attempts: 1,
    };
    const { body } = await ada.post("/ai/queue", action).expect(201);
    const { id } = body.data;
    assert.equal(body.data.lease, undefined);
    const claim = async () => (await ada.post("/ai/queue/claim", {}).expect(200)).body.data;
    const [first] = await claim();
    assert.equal(first.id, id);
    assert.deepEqual(await claim(), []);
    const failure = { lease: first.lease, problem: "model_timeout" };
    const failed = await ada.post(`/ai/actions/${id}/fail`, failure).expect(200);
    assert.equal(failed.body.data.status, "dead");
    await ada.post(`/ai/actions/${id}/retry`).expect(200);
    const [second] = await claim();
    await ada.post(`/ai/actions/${id}/complete`, { lease: first.lease }).expect(409);
    const done = { lease: second.lease, result: { text: "Dear Ada" } };
    await ada.post(`/ai/actions/${id}/complete`, done).expect(204);
    await ada.post(`/ai/actions/${id}/complete`, done).expect(204);
    const queue = await ada.get("/ai/queue?status=done").expect(200);
    assert.deepEqual(queue.body.data[0].result, { text: "Dear Ada" });
    await ada.post("/ai/actions/none/retry").expect(404);
  });

  test("contexts and sessions: kept, read, gone", async () => {
    const context = { client_id: "hubspot:106", context: { turns: [1, 2] } };
    for (const [path, body] of [
      ["/ai/contexts/s1", context],
      ["/sessions/s1", { theme: "dark" }],
    ] as const) {
      await ada.put(path, body).expect(204);
      assert.deepEqual((await ada.get(path).expect(200)).body.data, body);
      await (await crm.as(["agent"], BOB)).get(path).expect(403);
      await ada.delete(path).expect(204);
      await ada.get(path).expect(404);
    }
  });

  test("documents: from a version of a template, downloaded as a file that runs nowhere", async () => {
    const template = { name: "welcome", format: "html", body: "<p>Dear {{name}}</p>" };
    await ada.post("/templates", template).expect(403);
    const made = await chief.post("/templates", template).expect(201);
    assert.equal(made.headers.location, "/api/overlay/templates/welcome?version=1");
    await chief.post("/templates", { ...template, body: "<p>Hello {{name}}</p>" }).expect(201);
    const templates = await ada.get("/templates").expect(200);
    assert.deepEqual(
      templates.body.data.map(({ name, version }: { name: string; version: number }) => [name, version]),
      [["welcome", 2]],
    );
    assert.equal((await ada.get("/templates/welcome?version=1").expect(200)).body.data.body, template.body);
    await ada.get("/templates/none").expect(404);
    const request = {
      template: "welcome",
      version: 1,
      client_id: "hubspot:107",
      name: 'Willkommen "Größe" – Ada',
      data: { name: "<script>alert(1)</script>" },
    };
    const { body } = await ada.post("/documents", request).expect(201);
    assert.equal(body.data.content, undefined);
    const { id } = body.data;
    const file = await ada.get(`/documents/${id}/content`).expect(200);
    assert.equal(file.text, "<p>Dear &lt;script&gt;alert(1)&lt;&#x2F;script&gt;</p>");
    assert.match(
      file.headers["content-disposition"] ?? "",
      /^attachment; filename=".*"; filename\*=UTF-8''Willkommen%20%22Gr%C3%B6%C3%9Fe%22/,
    );
    assert.equal(file.headers["x-content-type-options"], "nosniff");
    assert.match(file.headers["content-security-policy"] ?? "", /sandbox/);
    assert.equal(file.headers["content-type"], "text/html; charset=utf-8");
    const list = await ada.get("/documents?client_id=hubspot%3A107").expect(200);
    assert.equal(list.body.data[0].id, id);
    assert.equal(list.body.data[0].content, undefined);
    await ada.delete(`/documents/${id}`).expect(204);
    await ada.get(`/documents/${id}/content`).expect(404);
    await ada.post("/documents", { ...request, version: 9 }).expect(404);
  });

  test("statistics and clean-up", async () => {
    const { body } = await chief.get("/stats").expect(200);
    assert.ok(body.data.rows.communications.rows >= 3);
    assert.ok(body.data.aiQueue.done >= 1);
    assert.ok(body.data.cache.communication.hits >= 1);
    const cleaned = await chief.post("/cleanup").expect(200);
    assert.equal(cleaned.body.data.more, false);
    await ada.post("/cleanup").expect(403);
    await ada.get("/stats").expect(403);
  });

  test("a body of brackets alone is 400", async () => {
    const deep = JSON.parse(`${"[".repeat(2000)}${"]".repeat(2000)}`);
    await ada.put("/clients/hubspot/101", { data: { deep } }).expect(400);
    await ada.put("/sessions/deep", { deep }).expect(400);
  });

  test("other methods are 405, other paths 404, and both are problem documents", async () => {
    for (const [path, allow] of [
      ["/clients/hubspot/101", "GET, HEAD, PUT"],
      ["/communications/x", "GET, HEAD, PUT, DELETE"],
      ["/ai/queue/claim", "POST"],
    ] as const) {
      const method = path.endsWith("claim") ? ada.get(path) : ada.post(path, {});
      const response = await method.expect(405);
      assert.equal(response.headers.allow, allow);
      assert.match(response.headers["content-type"] ?? "", /^application\/problem\+json/);
    }
    await ada.get("/nothing").expect(404);
  });
});
