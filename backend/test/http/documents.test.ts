// The content of documents: upload, download, and the cache in between.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import {
  CRM_STORES,
  type Crm,
  type CrmClient,
  cacheStatus,
  startCrm,
  TENANT_A,
  TENANT_B,
} from "../support/crm.js";

const MEBIBYTE = 1024 * 1024;

for (const store of CRM_STORES) {
  describe(`content of documents, ${store} store`, () => {
    let crm: Crm;
    let member: CrmClient;
    beforeAll(async () => {
      crm = await startCrm(store);
      member = await crm.client("member", TENANT_A);
    });
    afterAll(() => crm.close());

    const created = async (name = "offer.pdf"): Promise<string> =>
      (await member.post("/api/documents", { name }).expect(201)).body.data.id;
    const upload = async (id: string, bytes: Buffer, type = "application/pdf") => {
      const response = await fetch(`${crm.url}/api/documents/${id}/content`, {
        method: "PUT",
        headers: { authorization: `Bearer ${await crm.token("member", TENANT_A)}`, "content-type": type },
        body: new Uint8Array(bytes),
      });
      return { status: response.status, body: await response.text() };
    };
    const bytesOf = (id: string) => member.get(`/api/documents/${id}/content`).buffer(true).parse(collect);

    test("comes back byte for byte, as an attachment; the second time from the cache", async () => {
      const id = await created('Angebot "für" Köln.pdf');
      const bytes = randomBytes(50_000);
      assert.equal((await upload(id, bytes)).status, 204);
      const first = await bytesOf(id).expect(200);
      assert.deepEqual(first.body, bytes);
      assert.equal(first.headers["content-type"], "application/pdf");
      assert.match(first.headers["content-disposition"] ?? "", /^attachment; filename=/);
      assert.equal(first.headers["x-content-type-options"], "nosniff");
      await crm.cache.idle();
      const second = await bytesOf(id).expect(200);
      assert.equal(cacheStatus(second), "hit");
      assert.deepEqual(second.body, bytes);
      assert.equal(second.headers["content-disposition"], first.headers["content-disposition"]);
      const { data } = (await member.get(`/api/documents/${id}`).expect(200)).body;
      assert.deepEqual([data.content_type, data.content_bytes], ["application/pdf", 50_000]);
      assert.equal("content" in data, false);
    });

    test("a new upload is what the next download gives, and what lists say", async () => {
      const id = await created();
      await upload(id, Buffer.from("one"));
      await bytesOf(id).expect(200);
      await member.get("/api/documents").expect(200);
      await crm.cache.idle();
      await upload(id, Buffer.from("longer"), "text/plain");
      const next = await bytesOf(id).expect(200);
      assert.equal(next.body.toString(), "longer");
      assert.equal(next.headers["content-type"], "text/plain");
      const list = await member.get("/api/documents?has_content=true").expect(200);
      const listed = list.body.data.find((document: { id: string }) => document.id === id);
      assert.equal(listed.content_bytes, 6);
    });

    test("changing what is told about a document keeps its content; deleting it ends it", async () => {
      const id = await created();
      await upload(id, Buffer.from("kept"));
      await member.put(`/api/documents/${id}`, { name: "renamed.pdf" }).expect(200);
      const renamed = await bytesOf(id).expect(200);
      assert.equal(renamed.body.toString(), "kept");
      assert.match(renamed.headers["content-disposition"] ?? "", /renamed\.pdf/);
      await member.delete(`/api/documents/${id}`).expect(204);
      await member.get(`/api/documents/${id}/content`).expect(404);
    });

    test("another tenant neither reads nor replaces it", async () => {
      const id = await created();
      await upload(id, Buffer.from("ours"));
      await bytesOf(id).expect(200);
      const other = await crm.client("member", TENANT_B);
      await other.get(`/api/documents/${id}/content`).expect(404);
      await other.put(`/api/documents/${id}/content`, { stolen: true }).expect(404);
      assert.equal((await bytesOf(id).expect(200)).body.toString(), "ours");
    });

    test("bounds: one mebibyte, not nothing, a media type, and members only", async () => {
      const id = await created();
      await member.get(`/api/documents/${id}/content`).expect(404);
      assert.equal((await upload(id, Buffer.alloc(0))).status, 400);
      assert.equal((await upload(id, Buffer.from("x"), "no media type")).status, 415);
      assert.equal((await upload(id, randomBytes(MEBIBYTE))).status, 204);
      const refused = await upload(id, randomBytes(MEBIBYTE + 1));
      assert.equal(refused.status, 413);
      assert.match(refused.body, /larger than 1024 kB/);
      const viewer = await crm.client("viewer", TENANT_A);
      await viewer.get(`/api/documents/${id}/content`).expect(200);
      await viewer.put(`/api/documents/${id}/content`, {}).expect(403);
    });
  });
}

/** Collects a response's bytes: superagent would read text as UTF-8. */
function collect(response: NodeJS.EventEmitter, done: (error: Error | null, body: Buffer) => void): void {
  const chunks: Buffer[] = [];
  response.on("data", (chunk: Buffer | string) => chunks.push(Buffer.from(chunk)));
  response.on("end", () => done(null, Buffer.concat(chunks)));
}
