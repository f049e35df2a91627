// Analytics of a period, a query for each type.
// Tests: test/http/services.test.ts
import * as z from "zod";
import type { Reading } from "../views/view.js";
import type { PeriodBounds } from "./period.js";

type Rows = readonly Readonly<Record<string, unknown>>[];

export const analyticsTypes = ["tasks", "technicians", "schedules"] as const;

/** What a row of each type holds. */
export const ANALYTICS_ROWS = {
  tasks: z.strictObject({ priority: z.string(), opened: z.int(), completed: z.int() }),
  technicians: z.strictObject({ technician_id: z.guid(), technician_name: z.string(), completed: z.int() }),
  schedules: z.strictObject({ status: z.string(), count: z.int(), hours: z.number() }),
} as const;

/** Tasks and technicians count what was completed in the period, schedules what is planned in it. */
export const ANALYTICS: Readonly<
  Record<(typeof analyticsTypes)[number], (reading: Reading, bounds: PeriodBounds) => Promise<Rows>>
> = {
  tasks: async ({ client, tenantId }, { from, until }) =>
    (
      await client.query<Rows[number]>(
        `SELECT priority,
           count(*) FILTER (WHERE created_at >= $2 AND created_at < $3)::int AS opened,
           count(*) FILTER (WHERE completed_at >= $2 AND completed_at < $3)::int AS completed
         FROM tasks
         WHERE tenant_id = $1 AND (created_at >= $2 AND created_at < $3 OR completed_at >= $2 AND completed_at < $3)
         GROUP BY priority ORDER BY priority`,
        [tenantId, from, until],
      )
    ).rows,

  technicians: async ({ client, tenantId }, { from, until }) =>
    (
      await client.query<Rows[number]>(
        `SELECT technician.id AS technician_id, technician.name AS technician_name, count(*)::int AS completed
         FROM tasks t
         JOIN users technician ON technician.tenant_id = t.tenant_id AND technician.id = t.technician_id
         WHERE t.tenant_id = $1 AND t.completed_at >= $2 AND t.completed_at < $3
         GROUP BY technician.id, technician.name ORDER BY completed DESC, technician.name, technician.id`,
        [tenantId, from, until],
      )
    ).rows,

  schedules: async ({ client, tenantId }, { from, until }) =>
    (
      await client.query<Rows[number]>(
        `SELECT status, count(*)::int AS count,
           sum(extract(epoch FROM ends_at - starts_at) / 3600)::float8 AS hours
         FROM schedules
         WHERE tenant_id = $1 AND date >= ($2::timestamptz AT TIME ZONE 'UTC')::date
           AND date < ($3::timestamptz AT TIME ZONE 'UTC')::date
         GROUP BY status ORDER BY status`,
        [tenantId, from, until],
      )
    ).rows,
};
