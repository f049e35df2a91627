// The figures of the dashboard, and those of one technician.
// Tests: test/http/services.test.ts
import * as z from "zod";
import type { Reading } from "../views/view.js";
import { boundsOf, type PeriodBounds } from "./period.js";

export const dashboardAnswer = z.strictObject({
  date: z.iso.date(),
  tasks: z.strictObject({ open: z.int(), in_progress: z.int(), overdue: z.int(), completed_today: z.int() }),
  schedules_today: z.int(),
});
export type DashboardFigures = Readonly<z.output<typeof dashboardAnswer>>;

export const performanceAnswer = z.strictObject({
  technician_id: z.guid(),
  technician_name: z.string(),
  period: z.string(),
  opened: z.int(),
  completed: z.int(),
  completed_in_time: z.int(),
  hours_to_complete: z.number().nullable(),
});

/** How things are now. */
export async function dashboardFigures({ client, tenantId, today }: Reading): Promise<DashboardFigures> {
  const { from, until } = boundsOf(today);
  const tasks = await client.query<DashboardFigures["tasks"]>(
    `SELECT count(*) FILTER (WHERE status = 'open')::int AS open,
       count(*) FILTER (WHERE status = 'in_progress')::int AS in_progress,
       count(*) FILTER (WHERE status IN ('open', 'in_progress') AND due_on < $2)::int AS overdue,
       count(*) FILTER (WHERE completed_at >= $3 AND completed_at < $4)::int AS completed_today
     FROM tasks WHERE tenant_id = $1`,
    [tenantId, today, from, until],
  );
  const schedules = await client.query<{ count: number }>(
    "SELECT count(*)::int FROM schedules WHERE tenant_id = $1 AND date = $2",
    [tenantId, today],
  );
  const [figures] = tasks.rows;
  if (!figures) throw new Error("an aggregate without GROUP BY returned no row");
  return { date: today, tasks: figures, schedules_today: schedules.rows[0]?.count ?? 0 };
}

/** Work of one technician in a period; `undefined` where there is no such technician. */
export async function technicianFigures(
  { client, tenantId }: Reading,
  technicianId: string,
  period: string,
  { from, until }: PeriodBounds,
): Promise<Record<string, unknown> | undefined> {
  const { rows } = await client.query<Record<string, unknown>>(
    `SELECT technician.name AS technician_name,
       count(t.id) FILTER (WHERE t.created_at >= $3 AND t.created_at < $4)::int AS opened,
       count(t.id) FILTER (WHERE t.completed_at >= $3 AND t.completed_at < $4)::int AS completed,
       count(t.id) FILTER (WHERE t.completed_at >= $3 AND t.completed_at < $4
         AND (t.completed_at AT TIME ZONE 'UTC')::date <= t.due_on)::int AS completed_in_time,
       avg(extract(epoch FROM t.completed_at - t.created_at) / 3600)
         FILTER (WHERE t.completed_at >= $3 AND t.completed_at < $4)::float8 AS hours_to_complete
     FROM users technician
     LEFT JOIN tasks t ON t.tenant_id = technician.tenant_id AND t.technician_id = technician.id
     WHERE technician.tenant_id = $1 AND technician.id = $2 AND technician.is_technician
     GROUP BY technician.name`,
    [tenantId, technicianId, from, until],
  );
  return rows[0] && { technician_id: technicianId, period, ...rows[0] };
}
