// Documents and their templates: versions, content at rest, bounds.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { HttpProblem } from "../../http/problem.js";
import { CACHE_TTL } from "../../services/overlay/cache-ttl.js";
import { ADA, BOB, type OverlayDatabase, startOverlay, TENANT } from "../support/overlay-database.js";

const withStatus = (status: number) => (error: unknown) =>
  error instanceof HttpProblem && error.status === status;

describe("documents", () => {
  let db: OverlayDatabase;
  beforeAll(async () => {
    db = await startOverlay();
  });
  afterAll(() => db.close());

  test("a version is never changed: two that are added at the same time are two", async () => {
    const chief = db.supervisor();
    const added = await Promise.all(
      ["a {{x}}", "b {{x}}", "c {{x}}"].map((body) =>
        chief.addTemplate({ name: "same", format: "text", body }),
      ),
    );
    assert.deepEqual(added.map(({ version }) => version).sort(), [1, 2, 3]);
    for (const { version, body } of added)
      assert.equal((await db.as(ADA).getTemplate("same", version)).body, body);
    assert.equal((await db.as(ADA).getTemplate("same")).version, 3);
    await assert.rejects(db.as(ADA).addTemplate({ name: "own", format: "text", body: "x" }), withStatus(403));
    await assert.rejects(chief.addTemplate({ name: "Bad Name", format: "text", body: "x" }), withStatus(400));
    const [log] = await db.trail.getAuditLogs(TENANT, "document_template", "own");
    assert.equal(log?.outcome, "refused");
  });

  test("sealed in its row and in the cache, for a week; another agent gets none of it", async () => {
    const ada = db.as(ADA);
    await db.supervisor().addTemplate({ name: "letter", format: "html", body: "<p>Dear {{name}}</p>" });
    const given = { template: "letter", client_id: "hubspot:1", data: { name: "Lovelace" } };
    const { id, name, media_type } = await ada.generateDocument(given, ADA);
    assert.deepEqual([name, media_type], ["letter.html", "text/html; charset=utf-8"]);
    const key = `${db.keyPrefix}tenant:${TENANT}:document:${id}`;
    const ttl = await db.redis.ttl(key);
    assert.ok(ttl > CACHE_TTL.document - 60 && ttl <= CACHE_TTL.document);
    assert.ok(!(await db.redis.getBuffer(key))?.includes("Lovelace"));
    const { rows } = await db.pool.query("SELECT d::text AS text FROM overlay_documents d WHERE id = $1", [
      id,
    ]);
    assert.doesNotMatch(rows[0].text, /Lovelace|letter/);
    const file = await ada.downloadDocument(id);
    assert.equal(file?.content.toString(), "<p>Dear Lovelace</p>");
    await assert.rejects(db.as(BOB).downloadDocument(id), withStatus(403));
    assert.equal(await ada.downloadDocument("none"), undefined);
    const logs = await db.trail.getAuditLogs(TENANT, "document", id);
    assert.deepEqual(
      logs.map(({ action, outcome }) => `${action} ${outcome}`),
      ["read refused", "read success", "create success"],
    );
  });

  test("a document of a megabyte is kept, a larger one is refused", async () => {
    await db.supervisor().addTemplate({ name: "long", format: "text", body: "{{#l}}{{.}}{{/l}}" });
    const l = (count: number) => Array.from({ length: count }, () => "äöü".repeat(3000));
    const given = (count: number) => ({ template: "long", client_id: "hubspot:2", data: { l: l(count) } });
    const { id } = await db.as(ADA).generateDocument(given(58), ADA);
    await db.redis.flushall();
    assert.equal((await db.as(ADA).downloadDocument(id))?.content.length, 58 * 18_000);
    await assert.rejects(db.as(ADA).generateDocument(given(59), ADA), withStatus(413));
  });
});
