// Balances of credits. Each change is one statement, so that changes at the same time add up.
// Tests: test/http/credits-and-workflows.test.ts
import type { PoolClient } from "pg";
import * as z from "zod";
import { named } from "../../http/openapi/named-schemas.js";

export const CREDIT_TYPES = ["email", "sms", "enrichment", "call"] as const;
export type CreditType = (typeof CREDIT_TYPES)[number];

/** Whose credits, of which kind. */
export type CreditAccount = Readonly<{ userId: string; type: CreditType }>;

export const balanceAnswer = named(
  "CreditBalance",
  z.strictObject({ user_id: z.guid(), type: z.enum(CREDIT_TYPES), balance: z.int() }),
);
export type CreditBalance = Readonly<z.output<typeof balanceAnswer>>;

/** No balance is larger: JSON carries it exactly. */
export const MAX_BALANCE = 1_000_000_000_000;

/** A user without credits has none of them: zero. `undefined` where there is no such user. */
export async function findBalance(
  client: PoolClient,
  tenantId: string,
  { userId, type }: CreditAccount,
): Promise<CreditBalance | undefined> {
  const { rows } = await client.query<{ balance: string }>(
    `SELECT coalesce(c.balance, 0) AS balance FROM users u
     LEFT JOIN credits c ON c.tenant_id = u.tenant_id AND c.user_id = u.id AND c.type = $3
     WHERE u.tenant_id = $1 AND u.id = $2`,
    [tenantId, userId, type],
  );
  return rows[0] && { user_id: userId, type, balance: Number(rows[0].balance) };
}

/** Whether there is the user, who then stays until the transaction is over. */
export async function holdUser(client: PoolClient, tenantId: string, userId: string): Promise<boolean> {
  const { rowCount } = await client.query(
    "SELECT FROM users WHERE tenant_id = $1 AND id = $2 FOR KEY SHARE",
    [tenantId, userId],
  );
  return rowCount === 1;
}

/** @returns the new balance; `undefined` where it would be above {@link MAX_BALANCE} */
export async function addCredits(
  client: PoolClient,
  tenantId: string,
  { userId, type }: CreditAccount,
  amount: number,
): Promise<number | undefined> {
  const { rows } = await client.query<{ balance: string }>(
    `INSERT INTO credits AS c (tenant_id, user_id, type, balance) VALUES ($1, $2, $3, $4)
     ON CONFLICT (tenant_id, user_id, type)
       DO UPDATE SET balance = c.balance + excluded.balance, updated_at = now()
       WHERE c.balance + excluded.balance <= $5
     RETURNING balance`,
    [tenantId, userId, type, amount, MAX_BALANCE],
  );
  return rows[0] && Number(rows[0].balance);
}

/** @returns the new balance; `undefined` where there are not enough */
export async function deductCredits(
  client: PoolClient,
  tenantId: string,
  { userId, type }: CreditAccount,
  amount: number,
): Promise<number | undefined> {
  const { rows } = await client.query<{ balance: string }>(
    `UPDATE credits SET balance = balance - $4, updated_at = now()
     WHERE tenant_id = $1 AND user_id = $2 AND type = $3 AND balance >= $4
     RETURNING balance`,
    [tenantId, userId, type, amount],
  );
  return rows[0] && Number(rows[0].balance);
}
