// What is worth reading before anybody asks: today's work and that of the next days, and the reports that take longest.
// Tests: test/http/cache-operations.test.ts
import type { Pool } from "pg";
import { withTenant } from "../../db/tenant-transaction.js";
import { analyticsTypes } from "../reports/analytics-queries.js";
import { analytics, dashboard, performance } from "../reports/reports-views.js";
import { schedulesToday, schedulesWeek, technicianDay } from "../schedules/schedules-views.js";
import { allTechnicians, allUsers } from "../users/users-views.js";
import { addDays, mondayOf, monthOf } from "../views/calendar.js";
import { touch, type ViewKey } from "../views/view.js";
import { WARM_LISTS } from "./warm-lists.js";

/** What to read of one tenant. */
export type WarmPlan = (about: { today: string; technicianIds: readonly string[] }) => readonly ViewKey[];

const VIEW_PLANS = ["users", "schedules", "reports"] as const;

/** As `POST /api/cache/warm` and `npm run warm` take them, in the order in which they are warmed. */
export const WARM_PLAN_NAMES = [...VIEW_PLANS, ...WARM_LISTS] as const;

const COMING_DAYS = 7;

export const WARM_PLANS: Readonly<Record<(typeof VIEW_PLANS)[number], WarmPlan>> = {
  users: () => [touch(allUsers, {}), touch(allTechnicians, {})],

  schedules: ({ today, technicianIds }) => {
    const days = Array.from({ length: COMING_DAYS + 1 }, (_, offset) => addDays(today, offset));
    return [
      touch(schedulesToday, {}),
      touch(schedulesWeek, { startDate: mondayOf(today) }),
      ...days.flatMap((date) => technicianIds.map((id) => touch(technicianDay, { id, date }))),
    ];
  },

  reports: ({ today, technicianIds }) => {
    const month = monthOf(today);
    const periods = [today, month, monthOf(addDays(`${month}-01`, -1))];
    return [
      touch(dashboard, {}),
      ...periods.flatMap((period) => [
        ...analyticsTypes.map((type) => touch(analytics, { type, period })),
        ...technicianIds.map((technicianId) => touch(performance, { technicianId, period })),
      ]),
    ];
  },
};

/** Ids of all tenants that are not suspended: asked as the owner of the table, who sees them all. */
export async function tenantIds(pool: Pool): Promise<string[]> {
  const { rows } = await pool.query<{ id: string }>(
    "SELECT id FROM tenants WHERE suspended_at IS NULL ORDER BY id",
  );
  return rows.map(({ id }) => id);
}

/** Those who can be sent today. */
export async function activeTechnicianIds(pool: Pool, tenantId: string): Promise<string[]> {
  return await withTenant(
    pool,
    tenantId,
    async (client) => {
      const { rows } = await client.query<{ id: string }>(
        "SELECT id FROM users WHERE tenant_id = $1 AND is_technician AND is_active ORDER BY id",
        [tenantId],
      );
      return rows.map(({ id }) => id);
    },
    { readOnly: true },
  );
}
