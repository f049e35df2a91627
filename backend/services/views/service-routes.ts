// Routes of a service: one for each view, and create, read, replace and delete for its records.
// Tests: test/http/services.test.ts
import { createHash } from "node:crypto";
import { type Request, type RequestHandler, type Response, Router } from "express";
import type { TenantCache } from "express-tenant-cache";
import type { Pool } from "pg";
import { toldAs } from "../../http/access-log.js";
import type { Role } from "../../http/identity/auth.js";
import { requireRole } from "../../http/identity/authenticate.js";
import { chooseTenant, requireTenant, tenantOf } from "../../http/identity/tenant-choice.js";
import { tells } from "../../http/openapi/facts.js";
import { dataOf } from "../../http/openapi/named-schemas.js";
import { notFound } from "../../http/problem.js";
import { type MethodHandlers, route } from "../../http/route-methods.js";
import { jsonBody, validatedBody, validatedQuery } from "../../http/validation.js";
import type { ModuleDocument } from "../../modules/crud-repository.js";
import { recordIdOf } from "../../modules/crud-routes.js";
import { listHandlers } from "../../modules/list-handlers.js";
import { noParameters } from "../../modules/list-query.js";
import { ANSWERS_HAVE_NO_LINKS, type ModuleContext } from "../../modules/module-context.js";
import type { ChangeListener } from "../../modules/record-changes.js";
import { recordFacts } from "../../modules/record-facts.js";
import { RecordWriter } from "../../modules/record-writer.js";
import { type AuditedTrail, auditedRoute } from "../audit/routes/audited-route.js";
import { type CreationContext, listTag, type Service, type ServiceRecords } from "./service.js";
import type { View, ViewParams } from "./view.js";
import type { ViewCache } from "./view-cache.js";

export interface ServiceContext extends CreationContext {
  readonly pool: Pool;
  readonly cache: Pick<TenantCache, "cacheList">;
  readonly ttlSeconds: Pick<ModuleContext["ttlSeconds"], "list" | "count">;
  readonly views: ViewCache;
  /** Hears of every change of a record before it is answered; the views are among those it tells. */
  readonly changes: ChangeListener;
  /** Told of reads of the views that say what. Default: nobody is. */
  readonly trail?: AuditedTrail | undefined;
}

const ETAG_CHARACTERS = 27;

/** The order on every route is: tenant, role, validation, cache or write. What is refused reads nothing and drops nothing. */
export function serviceRouter(service: Service, context: ServiceContext): Router {
  const { pool, changes } = context;
  const router = Router();
  // A path may be a view's and the records' at once: GET of the one, PUT and DELETE of the other.
  const paths = new Map<string, MethodHandlers>();
  const add = (path: string, handlers: MethodHandlers) =>
    paths.set(path, { ...handlers, ...paths.get(path) });
  for (const view of service.views) add(view.path, { get: viewHandlers(view, context) });
  if (service.records) {
    const { name } = service.records.module;
    const writer = new RecordWriter(service.records.module, pool, changes);
    add(`/${name}`, { post: createHandlers(service.records, writer, context) });
    if (service.records.isListed)
      for (const [path, handlers] of listRoutes(service.records, context)) add(path, handlers);
    add(`/${name}/:id`, recordHandlers(service.records, writer));
    for (const [action, handlers] of Object.entries(service.records.actions ?? {}))
      add(`/${name}/:id/${action}`, {
        post: [toldAs(name), ...admission(service.records.writer), ...handlers(context)],
      });
  }
  for (const [path, handlers] of paths) route(router, path, handlers);
  return router;
}

/** What every route begins with; behind it the query is checked. */
const entrance = (role: Role): RequestHandler[] => [chooseTenant, requireTenant, requireRole(role)];
const admission = (role: Role): RequestHandler[] => [...entrance(role), validatedQuery(noParameters).check];

/** As those of modules, cached as they are; in front of `/:id`, which would take their paths. */
function listRoutes(
  { module }: ServiceRecords,
  { pool, cache, ttlSeconds }: ServiceContext,
): [path: string, handlers: MethodHandlers][] {
  const { name, dependsOn } = module;
  const facts = recordFacts(module);
  const { listQuery, countQuery, list, count } = listHandlers(module, pool);
  const shared = { dependsOn, tags: () => [listTag(name)], authority: ANSWERS_HAVE_NO_LINKS } as const;
  const lists = cache.cacheList(name, { ttlSeconds: ttlSeconds.list, query: listQuery.of, ...shared });
  const counts = cache.cacheList(name, { ttlSeconds: ttlSeconds.count, query: countQuery.of, ...shared });
  const begin = [toldAs(name), ...entrance("viewer")];
  tells(list, { ...facts.list, isConditional: true });
  tells(count, { ...facts.count, isConditional: true });
  return [
    [`/${name}`, { get: [...begin, listQuery.check, lists, list] }],
    [`/${name}/count`, { get: [...begin, countQuery.check, counts, count] }],
  ];
}

function viewHandlers(view: View, { views, trail }: ServiceContext): RequestHandler[] {
  const read: RequestHandler = async (req, res) => {
    const { value, cacheStatus, ageSeconds } = await views.look(view, tenantOf(req), paramsOf(view, req));
    res.setHeader("Cache-Status", cacheStatus);
    if (value === undefined) throw notFound("There is nothing with these parameters.");
    if (ageSeconds !== undefined) res.setHeader("Age", ageSeconds);
    res.setHeader("Cache-Control", "private, no-cache");
    sendTagged(res, { data: value });
  };
  const { params, summary, answer } = view;
  tells(read, { summary, params, isConditional: true, answers: { 200: dataOf(answer) }, problems: [404] });
  const begin = [toldAs(domainOf(view)), ...admission("viewer")];
  if (!trail || !view.audit) return [...begin, read];
  const recorded = auditedRoute({ trail, event: (req) => view.audit?.(paramsOf(view, req)) });
  return [...begin, recorded, read];
}

/** With an ETag of the body: Express answers 304 to a client that has it already. */
function sendTagged(res: Response, body: object): void {
  const text = JSON.stringify(body);
  res.setHeader(
    "ETag",
    `"${createHash("sha256").update(text).digest("base64url").slice(0, ETAG_CHARACTERS)}"`,
  );
  res.type("json").send(text);
}

const domainOf = ({ key }: View): string => key.split(":", 1)[0] ?? key;

function paramsOf(view: View, req: Request): ViewParams {
  const params = view.params.safeParse(req.params);
  if (params.success) return params.data;
  const issue = params.error.issues[0];
  throw notFound(`There is nothing here: ${issue?.path.join(".")} ${issue?.message}.`);
}

function createHandlers(
  { module, writer: role, create: ownCreate }: ServiceRecords,
  writer: RecordWriter,
  context: CreationContext,
): RequestHandler[] {
  if (ownCreate) return [...admission(role), jsonBody, ...ownCreate(writer, context)];
  const document = validatedBody<ModuleDocument>(module.document);
  const create: RequestHandler = async (req, res) => {
    const record = await writer.create(tenantOf(req), document.of(req));
    res
      .status(201)
      .location(`${req.baseUrl}${req.path}/${String(record.id)}`)
      .json({ data: record });
  };
  tells(create, recordFacts(module).create);
  return [toldAs(module.name), ...admission(role), jsonBody, document.check, create];
}

/** A view of the same path takes the place of `get`, which is not cached. */
function recordHandlers({ module, writer: role }: ServiceRecords, writer: RecordWriter): MethodHandlers {
  const document = validatedBody<ModuleDocument>(module.document);
  const idOf = (req: Request) => recordIdOf(req, module.singular);
  const read: RequestHandler = async (req, res) => {
    res.setHeader("Cache-Control", "private, no-cache");
    res.json({ data: await writer.read(tenantOf(req), idOf(req)) });
  };
  const replace: RequestHandler = async (req, res) => {
    res.json({ data: await writer.replace(tenantOf(req), idOf(req), document.of(req)) });
  };
  const remove: RequestHandler = async (req, res) => {
    await writer.delete(tenantOf(req), idOf(req));
    res.status(204).end();
  };
  const facts = recordFacts(module);
  tells(read, facts.read);
  tells(replace, facts.replace);
  tells(remove, facts.delete);
  const told = toldAs(module.name);
  return {
    get: [told, ...admission("viewer"), read],
    put: [told, ...admission(role), jsonBody, document.check, replace],
    delete: [told, ...admission(role), remove],
  };
}
