// /api/overlay/communications and /api/overlay/tasks: one by one, in batches, and by client or status.
// Tests: test/http/overlay-routes.test.ts
import type { Request, RequestHandler, Router } from "express";
import * as z from "zod";
import { HttpProblem, notFound } from "../../../http/problem.js";
import { route } from "../../../http/route-methods.js";
import { jsonBody, validatedBody, validatedQuery } from "../../../http/validation.js";
import { subjectId } from "../given.js";
import type { Overlay } from "../overlay.js";
import { communicationSchema } from "../records/communication-cache-service.js";
import type { BaseRecord } from "../records/record-kind.js";
import { MAX_BATCH, type RecordService } from "../records/record-service.js";
import { TASK_STATUSES, taskSchema } from "../records/task-cache-service.js";
import { keptRecordFacts } from "./overlay-facts.js";
import {
  agentQuery,
  callerOf,
  entrance,
  everyQuery,
  ownId,
  pageParameters,
  plainQuery,
} from "./overlay-request.js";

const ofAgent = validatedQuery(agentQuery);
const plain = validatedQuery(plainQuery);
const communicationList = validatedQuery(
  z.strictObject({ ...everyQuery, ...pageParameters, client_id: subjectId() }),
);
const taskList = validatedQuery(
  z.strictObject({
    ...everyQuery,
    ...pageParameters,
    client_id: subjectId().optional(),
    status: z.enum(TASK_STATUSES, `must be one of ${TASK_STATUSES.join(", ")}`).optional(),
  }),
);

interface ListQuery {
  readonly limit?: number | undefined;
  readonly cursor?: string | undefined;
  readonly client_id?: string | undefined;
  readonly status?: string | undefined;
}

interface RecordRoutes<T extends BaseRecord> {
  readonly service: RecordService<T>;
  readonly document: z.ZodObject;
  readonly list: { readonly check: RequestHandler; of(req: Request): ListQuery };
}

export function mountRecords(router: Router, overlay: Overlay): void {
  mount(router, { service: overlay.communications, document: communicationSchema, list: communicationList });
  mount(router, { service: overlay.tasks, document: taskSchema, list: taskList });
}

function mount<T extends BaseRecord>(router: Router, { service, document, list }: RecordRoutes<T>): void {
  const { plural, entityType } = service.kind;
  const one = validatedBody<Record<string, unknown>>(document);
  const many = validatedBody<Record<string, unknown>>(
    z.strictObject({ [plural]: z.array(document).min(1).max(MAX_BATCH) }),
  );
  const agentOf = (req: Request) => ofAgent.of(req).agent_id ?? ownId(req);

  const create: RequestHandler = async (req, res) => {
    const record = await service.set(callerOf(req), one.of(req), agentOf(req));
    res.status(201).location(`${req.baseUrl}${req.path}/${record.id}`).json({ data: record });
  };
  const createMany: RequestHandler = async (req, res) => {
    const records = many.of(req)[plural] as readonly unknown[];
    res.json({ data: await service.setMany(callerOf(req), records, agentOf(req)) });
  };
  const read: RequestHandler<{ id: string }> = async (req, res) => {
    const record = await service.get(callerOf(req), req.params.id);
    if (!record) throw notFound(`There is no ${entityType} with this id.`);
    res.json({ data: record });
  };
  const replace: RequestHandler<{ id: string }> = async (req, res) => {
    const given = one.of(req);
    const { id } = req.params;
    if (given.id !== undefined && given.id !== id) {
      const errors = [{ pointer: "#/id", message: "differs from the path's" }];
      throw new HttpProblem(400, { detail: "The body is not valid: see errors.", errors });
    }
    res.json({ data: await service.set(callerOf(req), { ...given, id }, agentOf(req)) });
  };
  const remove: RequestHandler<{ id: string }> = async (req, res) => {
    await service.delete(callerOf(req), req.params.id);
    res.status(204).end();
  };
  const readList: RequestHandler = async (req, res) => {
    const { client_id, status, limit, cursor } = list.of(req);
    const page = { status, limit, cursor };
    const { items, next_cursor } =
      client_id === undefined
        ? await service.list(callerOf(req), page)
        : await service.ofClient(callerOf(req), client_id, page);
    res.json({ data: items, ...(next_cursor !== undefined && { next_cursor }) });
  };

  const work = entrance("agent");
  const facts = keptRecordFacts(plural, entityType, document);
  route(
    router,
    `/${plural}`,
    {
      get: [...work, list.check, readList],
      post: [...work, ofAgent.check, jsonBody, one.check, create],
    },
    facts.all,
  );
  route(
    router,
    `/${plural}/batch`,
    { post: [...work, ofAgent.check, jsonBody, many.check, createMany] },
    facts.batch,
  );
  route(
    router,
    `/${plural}/:id`,
    {
      get: [...work, plain.check, read as RequestHandler],
      put: [...work, ofAgent.check, jsonBody, one.check, replace as RequestHandler],
      delete: [...work, plain.check, remove as RequestHandler],
    },
    facts.one,
  );
}
