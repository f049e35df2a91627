// The OpenAPI description comes out of what an app has mounted: paths, roles, schemas, and what is missing.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import { Validator } from "@seriousme/openapi-schema-validator";
import express, { type RequestHandler, Router } from "express";
import * as z from "zod";
import { requireIdentity, requireRole } from "../../http/identity/authenticate.js";
import { describeApp, undescribed } from "../../http/openapi/document.js";
import { tells } from "../../http/openapi/facts.js";
import { mountedRoutes } from "../../http/openapi/mounted-routes.js";
import { dataOf, explained, named, writtenAs } from "../../http/openapi/named-schemas.js";
import { route } from "../../http/route-methods.js";
import { jsonBody, validatedBody, validatedQuery } from "../../http/validation.js";
import { email } from "../../modules/field-types.js";
import { listQuerySchema } from "../../modules/list-query.js";
import { ordersModule } from "../../modules/orders/orders-module.js";

const handler: RequestHandler = (_req, res) => void res.end();
const fresh = (): RequestHandler => (_req, _res, next) => next();
// biome-ignore lint/suspicious/noExplicitAny: JSON
type Json = any;

async function documentOf(mount: (router: Router) => void): Promise<Json> {
  const app = express();
  const router = Router();
  mount(router);
  app.use("/api", router);
  const document = await describeApp(app);
  const { valid, errors } = await new Validator().validate(JSON.parse(JSON.stringify(document)));
  assert.ok(valid, JSON.stringify(errors));
  return document;
}

describe("what is mounted", () => {
  test("is found through routers in routers, below several paths, and with what stands in front of it", () => {
    const app = express();
    const outer = Router();
    const inner = Router();
    inner.get("/", handler);
    inner.get("/:id", tells(fresh(), { problems: [404] }), handler);
    outer.use(tells(fresh(), { problems: [429] }));
    outer.use("/early", inner);
    outer.use(tells(fresh(), { problems: [401] }));
    outer.use("/late", tells(fresh(), { problems: [403] }), inner);
    app.use(["/one", "/two"], outer);
    app.post("/alone", handler);
    const found = mountedRoutes(app).map(({ method, path, facts }) => [method, path, facts.problems ?? []]);
    assert.deepEqual(found, [
      ["get", "/one/early", [429]],
      ["get", "/one/early/:id", [404, 429]],
      ["get", "/one/late", [401, 403, 429]],
      ["get", "/one/late/:id", [401, 403, 404, 429]],
      ["get", "/two/early", [429]],
      ["get", "/two/early/:id", [404, 429]],
      ["get", "/two/late", [401, 403, 429]],
      ["get", "/two/late/:id", [401, 403, 404, 429]],
      ["post", "/alone", []],
    ]);
  });

  test("what stands in front of one path is not told of its neighbours", () => {
    const app = express();
    app.use("/notes", tells(fresh(), { problems: [403] }));
    app.get("/notes", handler);
    app.get("/notes/:id", handler);
    app.get("/notesbook", handler);
    app.get("/other", handler);
    assert.deepEqual(
      mountedRoutes(app).map(({ path, facts }) => [path, facts.problems !== undefined]),
      [
        ["/notes", true],
        ["/notes/:id", true],
        ["/notesbook", false],
        ["/other", false],
      ],
    );
  });

  test("a regular expression has no name, and says so", () => {
    const app = express();
    app.get(/^\/any/, handler);
    assert.throws(() => mountedRoutes(app), /mount it at a text/);
  });

  test("a route that tells nothing of itself is named, with what is missing, and is described by its path", async () => {
    const app = express();
    const router = Router();
    route(router, "/notes/:id", { get: [handler] });
    route(router, "/done", { get: [handler] }, { get: { summary: "Done", answers: { 204: "empty" } } });
    app.use(router);
    app.put("/plain", handler);
    assert.deepEqual(undescribed(app), [
      "GET /notes/:id: summary, answers, params",
      "PUT /plain: summary, answers",
    ]);
    const { paths }: Json = await describeApp(app);
    assert.equal(paths["/notes/{id}"].get.summary, "GET /notes/:id");
    assert.deepEqual(Object.keys(paths), ["/notes/{id}", "/done", "/plain"]);
  });
});

describe("operations", () => {
  test("query, body, role and refusals come from the middleware that checks them", async () => {
    const query = validatedQuery(z.strictObject({ limit: z.coerce.number().int().max(9).optional() }));
    const body = validatedBody(z.strictObject({ name: z.string().max(5), kind: z.enum(["a"]).default("a") }));
    const { paths, components } = await documentOf((router) => {
      router.use(requireIdentity);
      route(
        router,
        "/notes/:id/copies",
        { post: [requireRole("admin"), query.check, jsonBody, body.check, handler] },
        {
          post: {
            summary: "Copy a note",
            params: z.strictObject({ id: z.guid() }),
            answers: { 201: dataOf(z.strictObject({ id: z.guid() })) },
            problems: [404],
          },
        },
      );
    });
    const operation = paths["/api/notes/{id}/copies"].post;
    assert.equal(operation.operationId, "postNotesByIdCopies");
    assert.equal(operation.description, "Needs the role admin.");
    assert.deepEqual(operation.tags, ["notes"]);
    assert.deepEqual(operation.security, [{ token: [] }]);
    assert.deepEqual(operation.parameters, [
      { name: "id", in: "path", required: true, schema: { type: "string", format: "uuid" } },
      { name: "limit", in: "query", required: false, schema: operation.parameters[1].schema },
    ]);
    assert.deepEqual(
      [operation.parameters[1].schema.type, operation.parameters[1].schema.maximum],
      ["integer", 9],
    );
    const { schema } = operation.requestBody.content["application/json"];
    assert.deepEqual([operation.requestBody.required, schema.required], [true, ["name"]]);
    assert.deepEqual(Object.keys(operation.responses), [
      ...["201", "400", "401", "403", "404", "413", "415"],
      "default",
    ]);
    assert.deepEqual(operation.responses["201"].headers, { Location: { schema: { type: "string" } } });
    assert.ok(components.responses["Problem-404"].content["application/problem+json"]);
  });

  test("the query of a list is described as what it stands for, not as the text that it is", async () => {
    const query = validatedQuery(listQuerySchema(ordersModule));
    const { paths } = await documentOf((router) => {
      route(
        router,
        "/orders",
        { get: [query.check, handler] },
        { get: { summary: "List", answers: { 200: dataOf(z.array(z.string())) } } },
      );
    });
    const schemas = new Map<string, Json>(
      paths["/api/orders"].get.parameters.map(({ name, schema }: Json) => [name, schema]),
    );
    assert.deepEqual(schemas.get("limit"), { default: 50, type: "integer", minimum: 1, maximum: 200 });
    assert.deepEqual(schemas.get("status").items.enum, ["open", "in_progress", "done", "cancelled"]);
    assert.match("-number,created_at", new RegExp(schemas.get("sort").pattern));
    assert.doesNotMatch("status", new RegExp(schemas.get("sort").pattern));
    assert.deepEqual(schemas.get("created_after").anyOf, [{ format: "date-time" }, { format: "date" }]);
  });

  test("bytes, answers without a body, and tokens that are read but not needed", async () => {
    const { paths } = await documentOf((router) => {
      router.use(tells(fresh(), { token: "read" }));
      route(
        router,
        "/file",
        { get: [handler], put: [handler] },
        {
          get: { summary: "Get", isConditional: true, answers: { 200: { mediaType: "application/pdf" } } },
          put: { summary: "Put", body: { mediaType: "*/*" }, answers: { 204: "empty" } },
        },
      );
    });
    const { get, put } = paths["/api/file"];
    assert.deepEqual(get.security, [{}, { token: [] }]);
    assert.deepEqual(Object.keys(get.responses), ["200", "304", "default"]);
    assert.deepEqual(get.responses["200"].content, { "application/pdf": {} });
    assert.deepEqual(Object.keys(get.responses["200"].headers), ["ETag", "Cache-Status"]);
    assert.deepEqual(put.requestBody, { required: true, content: { "*/*": {} } });
    assert.deepEqual(put.responses["204"], { description: "No Content" });
  });
});

describe("schemas", () => {
  const answering = (...schemas: z.ZodType[]) =>
    documentOf((router) => {
      for (const [index, schema] of schemas.entries())
        route(router, `/a${index}`, { get: [handler] }, { get: { summary: "A", answers: { 200: schema } } });
    });
  const at = (document: Json, path: string) =>
    document.paths[`/api/${path}`].get.responses["200"].content["application/json"].schema;

  test("what has a name is written once, also inside another one", async () => {
    const leaf = named("Leaf", z.strictObject({ on: z.string() }));
    const tree = named("Tree", z.strictObject({ leaves: z.array(leaf) }));
    const document = await answering(tree, dataOf(leaf));
    assert.deepEqual(at(document, "a0"), { $ref: "#/components/schemas/Tree" });
    assert.deepEqual(at(document, "a1").properties.data, { $ref: "#/components/schemas/Leaf" });
    const { Leaf, Tree } = document.components.schemas;
    assert.deepEqual(Tree.properties.leaves.items, { $ref: "#/components/schemas/Leaf" });
    assert.deepEqual(Leaf.required, ["on"]);
  });

  test("two that differ cannot have one name", async () => {
    const one = named("Same", z.strictObject({ a: z.string() }));
    const other = named("Same", z.strictObject({ b: z.string() }));
    await assert.rejects(answering(one, other), /two different schemas are called Same/);
  });

  test("what code checks is written as its author says; what is trimmed is also what follows", async () => {
    const body = validatedBody(
      z.strictObject({
        mail: email(),
        even: writtenAs(
          { type: "integer", multipleOf: 2 },
          z.int().refine((n) => n % 2 === 0),
        ),
        why: explained("The reason.", z.string()),
      }),
    );
    const { paths } = await documentOf((router) => {
      route(
        router,
        "/x",
        { post: [jsonBody, body.check, handler] },
        { post: { summary: "X", answers: { 204: "empty" } } },
      );
    });
    const { mail, even, why } =
      paths["/api/x"].post.requestBody.content["application/json"].schema.properties;
    assert.deepEqual([mail.maxLength, mail.format], [254, "email"]);
    assert.deepEqual(even, { type: "integer", multipleOf: 2 });
    assert.deepEqual(why, { type: "string", description: "The reason." });
  });
});
