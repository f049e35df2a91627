// GET /api/openapi.json: all routes of the CRM, each with what it takes and answers, and nothing else.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { Validator } from "@seriousme/openapi-schema-validator";
import type { Express } from "express";
import supertest from "supertest";
import { undescribed } from "../../http/openapi/document.js";
import { type RedisServer, startRedisServer } from "../../servers/index.js";
import { type AuthCrm, startAuthCrm } from "../support/auth-crm.js";
import { TENANT_A } from "../support/crm.js";
import { wholeApp } from "../support/whole-app.js";

// biome-ignore lint/suspicious/noExplicitAny: JSON
type Json = any;

/** Every route object of Express, found without what the description is made with. */
function routesIn(router: Json): { readonly path: string; readonly methods: readonly string[] }[] {
  return router.stack.flatMap((layer: Json) => {
    if (layer.route) {
      const methods = layer.route.stack.flatMap((each: Json) => each.method ?? []);
      return [{ path: layer.route.path, methods: [...new Set<string>(methods)].sort() }];
    }
    return layer.handle.stack ? routesIn(layer.handle) : [];
  });
}

describe("the OpenAPI description", () => {
  let state: RedisServer;
  let auth: AuthCrm;
  let app: Express;
  let document: Json;

  // With all that can be switched on, so that no route is absent.
  beforeAll(async () => {
    state = await startRedisServer({ service: "redis" });
    auth = await startAuthCrm(state.url);
    app = await wholeApp(auth);
    document = (await supertest(app).get("/api/openapi.json").expect(200)).body;
  });
  afterAll(async () => {
    await auth.close();
    await state.stop();
  });

  test("is valid OpenAPI 3.1", async () => {
    const { valid, errors } = await new Validator().validate(structuredClone(document));
    assert.ok(valid, JSON.stringify(errors));
    assert.match(document.openapi, /^3\.1\./);
  });

  test("no route is without its description", () => {
    assert.deepEqual(undescribed(app), []);
  });

  test("every route that Express has is in it, with all its methods, and no other", () => {
    const described = Object.entries<Json>(document.paths).map(([path, operations]) => ({
      end: path.replace(/\{(\w+)\}/g, ":$1"),
      methods: Object.keys(operations).sort(),
    }));
    const mounted = routesIn(app.router);
    assert.ok(mounted.length > 50, `${mounted.length} routes`);
    for (const { path, methods } of mounted) {
      const isDescribed = described.some(
        ({ end, methods: own }) => (path === "/" || end.endsWith(path)) && own.join() === methods.join(),
      );
      assert.ok(isDescribed, `${methods} ${path}`);
    }
    // A router may be mounted at several paths: /health is one of them.
    assert.equal(described.length, mounted.length + 1);
  });

  test("every described path is there, with these methods and no others", async () => {
    const token = await auth.crm.token("superadmin", TENANT_A);
    for (const [path, operations] of Object.entries<Json>(document.paths)) {
      const { headers } = await supertest(app)
        .options(path.replace(/\{\w+\}/g, "x"))
        .set("Authorization", `Bearer ${token}`)
        .expect(204);
      const allowed = (headers.allow ?? "")
        .toLowerCase()
        .split(", ")
        .filter((method) => method !== "head");
      assert.deepEqual(allowed.sort(), Object.keys(operations).sort(), path);
    }
  });

  test("operations have names of their own, and say who may use them", () => {
    const operations = Object.entries<Json>(document.paths).flatMap(([path, item]) =>
      Object.entries<Json>(item).map(([method, operation]) => ({ where: `${method} ${path}`, ...operation })),
    );
    const ids = operations.map(({ operationId }) => operationId);
    assert.equal(new Set(ids).size, ids.length);
    const open = operations.filter(({ security }) => security.length === 0).map(({ where }) => where);
    assert.deepEqual(open, ["post /api/sync/webhooks/{connectionId}"]);
    const tokenless = operations.filter(({ security }) => security.length === 2).map(({ where }) => where);
    assert.deepEqual(tokenless.sort(), [
      "get /api/health",
      "get /api/openapi.json",
      "get /api/system/health",
      "get /api/system/health/live",
      "get /api/system/health/ready",
      "get /health",
      "post /api/auth/invitation",
      "post /api/auth/login",
      "post /api/auth/refresh",
    ]);
    const byId = new Map(operations.map((operation) => [operation.operationId, operation]));
    assert.equal(byId.get("deleteAccountsById").description, "Needs the role member.");
    assert.equal(byId.get("postUsers").description, "Needs the role admin.");
    assert.equal(byId.get("postOverlayCleanup").description, "Needs the overlay role supervisor.");
    assert.equal(byId.get("postCreditsByUserIdByTypeAdd").description, "Needs the role admin.");
  });

  test("holds nothing of a tenant, and is not sent twice to who has it", async () => {
    const anybody = auth.crm.withAuthorization();
    const { headers, text } = await anybody.get("/api/openapi.json").expect(200);
    assert.equal(headers["cache-control"], "public, no-cache");
    assert.doesNotMatch(text, new RegExp(`${TENANT_A}|Tenant A`));
    const again = await anybody
      .get("/api/openapi.json")
      .set("If-None-Match", headers.etag ?? "")
      .expect(304);
    assert.equal(again.text, "");
    const admin = await auth.crm.client("admin", TENANT_A);
    assert.equal((await admin.get("/api/openapi.json").expect(200)).text, text);
    await admin.post("/api/openapi.json", {}).expect(405);
  });
});
