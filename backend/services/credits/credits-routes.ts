// POST /api/credits/:userId/:type/add and /deduct. Reading is a view.
// Tests: test/http/credits-and-workflows.test.ts
import { type RequestHandler, Router } from "express";
import type { Pool } from "pg";
import * as z from "zod";
import { withTenant } from "../../db/tenant-transaction.js";
import { toldAs } from "../../http/access-log.js";
import type { Role } from "../../http/identity/auth.js";
import { requireRole } from "../../http/identity/authenticate.js";
import { chooseTenant, requireTenant, tenantOf } from "../../http/identity/tenant-choice.js";
import { dataOf } from "../../http/openapi/named-schemas.js";
import { conflict, notFound } from "../../http/problem.js";
import { route } from "../../http/route-methods.js";
import { userRateLimit } from "../../http/user-rate-limit.js";
import { jsonBody, validatedBody, validatedQuery } from "../../http/validation.js";
import { noParameters } from "../../modules/list-query.js";
import type { StateStore } from "../../state/state-redis.js";
import { touch } from "../views/view.js";
import type { ViewCache } from "../views/view-cache.js";
import {
  addCredits,
  balanceAnswer,
  type CreditAccount,
  deductCredits,
  holdUser,
  MAX_BALANCE,
} from "./credits-store.js";
import { creditBalance, creditParams } from "./credits-views.js";

export interface CreditsOptions {
  readonly pool: Pool;
  readonly views: ViewCache;
  readonly state?: StateStore | undefined;
}

const MAX_REQUESTS = 120;
const WINDOW_SECONDS = 60;

const body = validatedBody(z.strictObject({ amount: z.int().min(1).max(MAX_BALANCE) }));

/** `undefined` from `change` means that the balance does not allow it. */
type BalanceChange = typeof addCredits;

export function creditsRouter({ pool, views, state }: CreditsOptions): Router {
  const router = Router();

  const changing =
    (change: BalanceChange, refusal: string): RequestHandler =>
    async (req, res) => {
      const params = creditParams.safeParse(req.params);
      if (!params.success) throw notFound("There are no such credits.");
      const account: CreditAccount = params.data;
      const tenantId = tenantOf(req);
      let balance: number;
      try {
        balance = await withTenant(pool, tenantId, async (client) => {
          const { amount } = body.of(req);
          if (!(await holdUser(client, tenantId, account.userId)))
            throw notFound("There is no user with this id.");
          const changed = await change(client, tenantId, account, amount);
          if (changed === undefined) throw conflict(refusal);
          return changed;
        });
      } finally {
        // Whatever happened: a connection that is lost during COMMIT leaves open whether it took place.
        await views.drop(tenantId, [touch(creditBalance, account)]);
      }
      // Not before: whoever has the answer may read at once.
      res.json({ data: { user_id: account.userId, type: account.type, balance } });
    };

  const handlers = (endpoint: string, role: Role, handler: RequestHandler) => ({
    post: [
      toldAs("credits"),
      chooseTenant,
      requireTenant,
      requireRole(role),
      userRateLimit({ endpoint, max: MAX_REQUESTS, windowSeconds: WINDOW_SECONDS, state }),
      validatedQuery(noParameters).check,
      jsonBody,
      body.check,
      handler,
    ],
  });
  const add = changing(addCredits, "The balance would be too large.");
  const deduct = changing(deductCredits, "There are not enough credits.");
  const facts = {
    params: creditParams,
    answers: { 200: dataOf(balanceAnswer) },
    problems: [404, 409, 429],
  } as const;
  route(router, "/credits/:userId/:type/add", handlers("credits-add", "admin", add), {
    post: { summary: "Add credits", ...facts },
  });
  route(router, "/credits/:userId/:type/deduct", handlers("credits-deduct", "member", deduct), {
    post: { summary: "Deduct credits", ...facts },
  });
  return router;
}
