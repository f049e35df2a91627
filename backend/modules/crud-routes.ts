// The routes that every module has: list, count, create; read, replace, delete.
// Tests: test/http/crud.test.ts
import { type Request, type RequestHandler, Router } from "express";
import { requireRole } from "../http/identity/authenticate.js";
import { tenantOf } from "../http/identity/tenant-choice.js";
import { route } from "../http/route-methods.js";
import { jsonBody, validatedBody, validatedQuery } from "../http/validation.js";
import type { ModuleDocument } from "./crud-repository.js";
import { listHandlers } from "./list-handlers.js";
import { noParameters } from "./list-query.js";
import { ANSWERS_HAVE_NO_LINKS, type ModuleContext } from "./module-context.js";
import type { ModuleDefinition } from "./module-definition.js";
import { recordFacts } from "./record-facts.js";
import { noSuchRecord, RecordWriter } from "./record-writer.js";

/** Lower case alone: see `http/path-spelling.ts`. */
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * The order on every route is: role, validation, cache, handler. A request that is refused neither reads nor fills the cache, and the
 * cache's key is made of what validation has made of the query: one entry, however a client spells it.
 *
 * @param ownRoutes mounts what the module has beside these, before `/:id` would take its paths
 */
export function crudRouter(
  module: ModuleDefinition,
  context: ModuleContext,
  ownRoutes: (router: Router) => void = () => {},
): Router {
  const { cacheList, invalidateCache } = context.cache;
  const { dependsOn, touchedBy } = module;
  const shared = { dependsOn, authority: ANSWERS_HAVE_NO_LINKS } as const;
  const ofLists = { ttlSeconds: context.ttlSeconds.list, ...shared };
  const ofCounts = { ttlSeconds: context.ttlSeconds.count, ...shared };
  const ofDetails = { ttlSeconds: context.ttlSeconds.detail, ...shared };
  const handlers = crudHandlers(module, context);
  const router = Router();
  const reader = requireRole("viewer");
  const writer = requireRole("member");
  const plainQuery = validatedQuery(noParameters);
  const plain = plainQuery.check;
  const lists = cacheList(module.name, { ...ofLists, query: handlers.listQuery.of });
  const counts = cacheList(module.name, { ...ofCounts, query: handlers.countQuery.of });
  const details = cacheList(module.name, { ...ofDetails, query: plainQuery.of });

  const facts = recordFacts(module);
  route(
    router,
    "/",
    {
      get: [reader, handlers.listQuery.check, lists, handlers.list],
      post: [
        writer,
        plain,
        jsonBody,
        handlers.document.check,
        invalidateCache(...touchedBy.create),
        handlers.create,
      ],
    },
    { get: { ...facts.list, isConditional: true }, post: facts.create },
  );
  route(
    router,
    "/count",
    { get: [reader, handlers.countQuery.check, counts, handlers.count] },
    { get: { ...facts.count, isConditional: true } },
  );
  ownRoutes(router);
  route(
    router,
    "/:id",
    {
      get: [reader, plain, details, handlers.read],
      put: [
        writer,
        plain,
        jsonBody,
        handlers.document.check,
        invalidateCache(...touchedBy.update),
        handlers.replace,
      ],
      delete: [writer, plain, invalidateCache(...touchedBy.delete), handlers.delete],
    },
    { get: { ...facts.read, isConditional: true }, put: facts.replace, delete: facts.delete },
  );
  return router;
}

function crudHandlers(module: ModuleDefinition, { pool, changes }: ModuleContext) {
  const writer = new RecordWriter(module, pool, changes);
  const document = validatedBody<ModuleDocument>(module.document);
  const idOf = (req: Request) => recordIdOf(req, module.singular);

  const create: RequestHandler = async (req, res) => {
    const record = await writer.create(tenantOf(req), document.of(req));
    res
      .status(201)
      .location(`${req.baseUrl}/${String(record.id)}`)
      .json({ data: record });
  };

  const read: RequestHandler = async (req, res) => {
    res.json({ data: await writer.read(tenantOf(req), idOf(req)) });
  };

  const replace: RequestHandler = async (req, res) => {
    res.json({ data: await writer.replace(tenantOf(req), idOf(req), document.of(req)) });
  };

  const remove: RequestHandler = async (req, res) => {
    await writer.delete(tenantOf(req), idOf(req));
    res.status(204).end();
  };

  return { ...listHandlers(module, pool), document, create, read, replace, delete: remove };
}

/**
 * The id in the path.
 * @throws HttpProblem 404 where it is no UUID: no record can have it
 */
export function recordIdOf(req: Request, singular: string): string {
  const { id } = req.params;
  if (typeof id === "string" && UUID.test(id)) return id;
  throw noSuchRecord(singular);
}
