// POST /api/users/:id/invitation: another invitation, for a user whose first has run out, or who has lost the password.
// Tests: test/http/user-access.test.ts
import type { RequestHandler } from "express";
import * as z from "zod";
import { withTenant } from "../../db/tenant-transaction.js";
import { tenantOf } from "../../http/identity/tenant-choice.js";
import { tells } from "../../http/openapi/facts.js";
import { dataOf } from "../../http/openapi/named-schemas.js";
import { conflict } from "../../http/problem.js";
import { recordIdOf } from "../../modules/crud-routes.js";
import { idParams } from "../../modules/record-facts.js";
import { noSuchRecord } from "../../modules/record-writer.js";
import { invitationAnswer, invite } from "../auth/passwords.js";
import { usersModule } from "../records/users-module.js";
import type { ActionContext } from "../views/service.js";
import { noLogins } from "./create-user.js";

/** It takes the place of an earlier one. The user's password, where there is one, stays good until it is accepted. */
export function inviteAgain({ pool, signing }: ActionContext): RequestHandler[] {
  const handler: RequestHandler = async (req, res) => {
    const tenantId = tenantOf(req);
    const id = recordIdOf(req, usersModule.singular);
    if (signing === undefined) throw noLogins();
    const data = await withTenant(pool, tenantId, async (client) => {
      const { rows } = await client.query<{ email: string; is_active: boolean }>(
        "SELECT email, is_active FROM users WHERE tenant_id = $1 AND id = $2 FOR UPDATE",
        [tenantId, id],
      );
      const [user] = rows;
      if (!user) throw noSuchRecord(usersModule.singular);
      if (!user.is_active) throw conflict("The user is deactivated: activate the user first (is_active).");
      return { id, email: user.email, invitation: await invite(client, signing, tenantId, id) };
    });
    // An invitation is its user's business (RFC 6749 section 5.1).
    res.setHeader("Cache-Control", "no-store");
    res.status(201).json({ data });
  };
  tells(handler, {
    summary: "Invite a user again",
    params: idParams,
    answers: {
      201: dataOf(z.strictObject({ id: z.guid(), email: z.string(), invitation: invitationAnswer })),
    },
    problems: [404, 409, 503],
  });
  return [handler];
}
