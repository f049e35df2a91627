// POST /api/users: the record, and with it how its user gets in: a password that has to be changed, or an invitation.
// Tests: test/http/user-access.test.ts
import type { RequestHandler } from "express";
import * as z from "zod";
import { tenantOf } from "../../http/identity/tenant-choice.js";
import { tells } from "../../http/openapi/facts.js";
import { dataOf, named } from "../../http/openapi/named-schemas.js";
import { HttpProblem } from "../../http/problem.js";
import { validatedBody } from "../../http/validation.js";
import type { RecordWriter } from "../../modules/record-writer.js";
import { hashPassword } from "../auth/password.js";
import { givePassword, type Invitation, invitationAnswer, invite, newPassword } from "../auth/passwords.js";
import { usersModule } from "../records/users-module.js";
import type { CreationContext } from "../views/service.js";

const access = z.strictObject({
  password: newPassword().optional(),
  /** Default: with a password that the admin knows, yes. */
  must_change_password: z.boolean().default(true),
  invite: z.boolean().default(false),
});

const body = validatedBody(
  named(
    "NewUser",
    z
      .strictObject({ ...usersModule.document.shape, ...access.shape })
      .refine(({ password, invite: invited }) => !(invited && password !== undefined), {
        path: ["invite"],
        error: "set either password or invite",
      }),
  ),
);

const createdUser = named(
  "CreatedUser",
  z.strictObject({ ...usersModule.record.shape, invitation: invitationAnswer.optional() }),
);

export function createUser(writer: RecordWriter, { signing }: CreationContext): RequestHandler[] {
  const create: RequestHandler = async (req, res) => {
    const tenantId = tenantOf(req);
    const { password, must_change_password: mustChange, invite: invited, ...document } = body.of(req);
    if ((invited || password !== undefined) && signing === undefined) throw noLogins();
    // Before the transaction: a hash takes a while, and a connection is not to wait for it.
    const hash = password === undefined ? undefined : await hashPassword(password);
    let invitation: Invitation | undefined;
    const record = await writer.create(tenantId, document, async (client, { id }) => {
      if (hash !== undefined) await givePassword(client, tenantId, String(id), { hash, mustChange });
      if (invited && signing) invitation = await invite(client, signing, tenantId, String(id));
    });
    // An invitation is its user's business (RFC 6749 section 5.1).
    res.setHeader("Cache-Control", "no-store");
    res
      .status(201)
      .location(`${req.baseUrl}${req.path}/${String(record.id)}`)
      .json({ data: invitation ? { ...record, invitation } : record });
  };
  tells(create, { summary: "Create a user", answers: { 201: dataOf(createdUser) }, problems: [409, 503] });
  return [body.check, create];
}

export const noLogins = () =>
  new HttpProblem(503, {
    detail:
      "Logging in is not configured, so neither password nor invite has a use (see docs/operate/configuration.md).",
  });
