// /api/overlay/ai: the queue of an agent, and contexts of conversations; and /api/overlay/sessions.
// Tests: test/http/overlay-routes.test.ts
import type { Request, RequestHandler, Router } from "express";
import * as z from "zod";
import { HttpProblem, notFound } from "../../../http/problem.js";
import { type MethodFacts, route } from "../../../http/route-methods.js";
import { jsonBody, validatedBody, validatedQuery } from "../../../http/validation.js";
import { aiActionSchema } from "../ai/ai-action.js";
import { aiContextSchema } from "../ai/ai-contexts.js";
import { AI_STATUSES } from "../ai/ai-queue-rows.js";
import { jsonObject } from "../given.js";
import type { Overlay } from "../overlay.js";
import { sessionSchema } from "../session-cache-service.js";
import { aiFacts, contextFacts, sessionFacts } from "./overlay-facts.js";
import {
  agentParameter,
  agentQuery,
  calls,
  entrance,
  everyQuery,
  ownId,
  plainQuery,
} from "./overlay-request.js";

const uuid = z.guid("must be a UUID").toLowerCase();
const added = validatedBody(aiActionSchema);
const claimed = validatedBody(
  z.strictObject({
    limit: z.int().min(1).max(50).optional(),
    lease_seconds: z.int().min(5).max(3600).optional(),
  }),
);
const completed = validatedBody(z.strictObject({ lease: uuid, result: jsonObject().optional() }));
const failed = validatedBody(
  z.strictObject({
    lease: uuid,
    problem: z.string().regex(/^[a-z][a-z0-9_.-]{0,59}$/, 'must be a code such as "model_timeout"'),
    is_retryable: z.boolean().default(true),
  }),
);
const context = validatedBody(aiContextSchema);
const session = validatedBody(sessionSchema);
const ofAgent = validatedQuery(agentQuery);
const plain = validatedQuery(plainQuery);
const queueQuery = validatedQuery(
  z.strictObject({ ...everyQuery, ...agentParameter, status: z.enum(AI_STATUSES).optional() }),
);

type WithId = RequestHandler<{ id: string }>;

export function mountAI(router: Router, overlay: Overlay): void {
  const agentOf = (req: Request) => ofAgent.of(req).agent_id ?? ownId(req);
  const work = entrance("agent");

  const readQueue: RequestHandler = async (req, res) => {
    const { agent_id: agentId = ownId(req), status } = queueQuery.of(req);
    res.json({ data: await calls(overlay, req).getAIQueue(agentId, status && [status]) });
  };
  const add: RequestHandler = async (req, res) => {
    res.status(201).json({ data: await calls(overlay, req).addAIAction(agentOf(req), added.of(req)) });
  };
  const claim: RequestHandler = async (req, res) => {
    const { limit, lease_seconds: leaseSeconds } = claimed.of(req);
    const actions = await calls(overlay, req).claimAIActions(agentOf(req), { limit, leaseSeconds });
    res.json({ data: actions });
  };
  const complete: WithId = async (req, res) => {
    const { lease, result } = completed.of(req);
    await calls(overlay, req).completeAIAction(idOf(req), lease, result);
    res.status(204).end();
  };
  const fail: WithId = async (req, res) => {
    const { lease, problem, is_retryable: isRetryable } = failed.of(req);
    res.json({ data: await calls(overlay, req).failAIAction(idOf(req), lease, { problem, isRetryable }) });
  };
  const retry: WithId = async (req, res) => {
    res.json({ data: await calls(overlay, req).retryAIAction(idOf(req)) });
  };
  route(
    router,
    "/ai/queue",
    {
      get: [...work, queueQuery.check, readQueue],
      post: [...work, ofAgent.check, jsonBody, added.check, add],
    },
    aiFacts.queue,
  );
  route(
    router,
    "/ai/queue/claim",
    { post: [...work, ofAgent.check, jsonBody, claimed.check, claim] },
    aiFacts.claim,
  );
  route(
    router,
    "/ai/actions/:id/complete",
    {
      post: [...work, plain.check, jsonBody, completed.check, complete as RequestHandler],
    },
    aiFacts.complete,
  );
  route(
    router,
    "/ai/actions/:id/fail",
    {
      post: [...work, plain.check, jsonBody, failed.check, fail as RequestHandler],
    },
    aiFacts.fail,
  );
  route(
    router,
    "/ai/actions/:id/retry",
    { post: [...work, plain.check, retry as RequestHandler] },
    aiFacts.retry,
  );

  mountKept(router, "/ai/contexts/:id", context, contextFacts, {
    get: (req) => calls(overlay, req).getAIContext(req.params.id),
    set: (req, given) => calls(overlay, req).setAIContext(req.params.id, given, agentOf(req)),
    delete: (req) => calls(overlay, req).deleteAIContext(req.params.id),
  });
  mountKept(router, "/sessions/:id", session, sessionFacts, {
    get: (req) => calls(overlay, req).getSession(req.params.id),
    set: (req, given) => calls(overlay, req).setSession(req.params.id, given, agentOf(req)),
    delete: (req) => calls(overlay, req).deleteSession(req.params.id),
  });
}

interface KeptCalls<T> {
  get(req: Request<{ id: string }>): Promise<unknown>;
  set(req: Request<{ id: string }>, given: T): Promise<boolean>;
  delete(req: Request<{ id: string }>): Promise<void>;
}

/** What lives in the cache alone. */
function mountKept<T>(
  router: Router,
  path: string,
  body: { readonly check: RequestHandler; of(req: Request): T },
  facts: MethodFacts,
  kept: KeptCalls<T>,
): void {
  const read: WithId = async (req, res) => {
    const data = await kept.get(req);
    if (data === undefined) throw notFound("There is none with this id any more.");
    res.json({ data });
  };
  const replace: WithId = async (req, res) => {
    if (!(await kept.set(req, body.of(req as Request))))
      throw new HttpProblem(503, {
        detail: "The cache, which alone keeps this, cannot be reached. Try again.",
        headers: { "Retry-After": "1" },
        isTold: true,
      });
    res.status(204).end();
  };
  const remove: WithId = async (req, res) => {
    await kept.delete(req);
    res.status(204).end();
  };
  const work = entrance("agent");
  route(
    router,
    path,
    {
      get: [...work, plain.check, read as RequestHandler],
      put: [...work, ofAgent.check, jsonBody, body.check, replace as RequestHandler],
      delete: [...work, plain.check, remove as RequestHandler],
    },
    facts,
  );
}

function idOf(req: Request<{ id: string }>): string {
  const id = uuid.safeParse(req.params.id);
  if (!id.success) throw notFound("There is no action with this id.");
  return id.data;
}
