// The view of a balance.
// Tests: test/http/credits-and-workflows.test.ts
import * as z from "zod";
import { recordId } from "../../modules/field-types.js";
import { defineView } from "../views/view.js";
import { balanceAnswer, CREDIT_TYPES, findBalance } from "./credits-store.js";

const TTL_SECONDS = 60;

export const creditParams = z.strictObject({
  userId: recordId(),
  type: z.enum(CREDIT_TYPES, `must be one of ${CREDIT_TYPES.join(", ")}`),
});

export const creditBalance = defineView({
  key: "credits:{userId}:{type}",
  path: "/credits/:userId/:type",
  params: creditParams,
  summary: "Read the balance of a user's credits",
  answer: balanceAnswer,
  load: ({ client, tenantId }, account) => findBalance(client, tenantId, account),
  ttlSeconds: () => TTL_SECONDS,
});
