// Sums over opportunities.
// Tests: test/http/deals.test.ts

import * as z from "zod";
import { named } from "../../http/openapi/named-schemas.js";
import { OPEN_STAGES } from "../../modules/opportunities/opportunities-module.js";
import type { Reading } from "../views/view.js";

export const dealSum = named("DealSum", z.strictObject({ count: z.int(), amount: z.number() }));
export type DealSum = Readonly<z.output<typeof dealSum>>;

/** What {@link figuresOfMonth} finds. */
export const monthAnswer = z.strictObject({
  month: z.string(),
  opened: dealSum,
  won: dealSum,
  lost: dealSum,
  win_rate: z.number().nullable(),
});

const SUM = "count(*)::int AS count, coalesce(sum(t.amount), 0) AS amount";
const OWN = "FROM opportunities t WHERE t.tenant_id = $1";

/** By stage, with the amount weighted by probability. */
export async function stagesOf({ client, tenantId }: Reading, companyId: string) {
  const { rows } = await client.query<DealSum & { stage: string; weighted_amount: number }>(
    `SELECT t.stage, ${SUM}, coalesce(round(sum(t.amount * t.probability / 100), 2), 0) AS weighted_amount
     ${OWN} AND t.account_id = $2 GROUP BY t.stage ORDER BY t.stage`,
    [tenantId, companyId],
  );
  return rows;
}

export async function openDeals({ client, tenantId }: Reading, companyId: string): Promise<DealSum> {
  const { rows } = await client.query<DealSum>(
    `SELECT ${SUM} ${OWN} AND t.account_id = $2 AND t.stage = ANY($3)`,
    [tenantId, companyId, OPEN_STAGES],
  );
  return rows[0] ?? { count: 0, amount: 0 };
}

/** What was opened in a month (by creation), and what was won and lost in it (by closing date). */
export async function figuresOfMonth({ client, tenantId }: Reading, month: string) {
  const first = `${month}-01`;
  const opened = await client.query<DealSum>(
    `SELECT ${SUM} ${OWN} AND t.created_at >= $2::date AT TIME ZONE 'UTC'
     AND t.created_at < ($2::date + interval '1 month') AT TIME ZONE 'UTC'`,
    [tenantId, first],
  );
  const closed = await client.query<DealSum & { stage: string }>(
    `SELECT t.stage, ${SUM} ${OWN} AND t.stage IN ('closed_won', 'closed_lost')
     AND t.close_date >= $2::date AND t.close_date < $2::date + interval '1 month' GROUP BY t.stage`,
    [tenantId, first],
  );
  const sumOf = (stage: string): DealSum => {
    const { count, amount } = closed.rows.find((row) => row.stage === stage) ?? { count: 0, amount: 0 };
    return { count, amount };
  };
  const [won, lost] = [sumOf("closed_won"), sumOf("closed_lost")];
  const decided = won.count + lost.count;
  return {
    month,
    opened: opened.rows[0] ?? { count: 0, amount: 0 },
    won,
    lost,
    win_rate: decided === 0 ? null : Math.round((won.count / decided) * 1000) / 1000,
  };
}
