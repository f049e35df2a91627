// Who and what the traffic is about: the users, technicians, tasks and schedules of some tenants, read from the database.
import type { Pool } from "pg";
import { withTenant } from "../../backend/db/tenant-transaction.js";
import type { ModuleDefinition } from "../../backend/modules/module-definition.js";
import { schedulesModule } from "../../backend/services/records/schedules-module.js";
import { tasksModule } from "../../backend/services/records/tasks-module.js";
import { usersModule } from "../../backend/services/records/users-module.js";

/** A record, and the body that would replace it with itself. */
export interface Existing {
  readonly id: string;
  readonly document: Readonly<Record<string, unknown>>;
}

export interface Population {
  readonly tenantId: string;
  readonly users: readonly Existing[];
  readonly technicianIds: readonly string[];
  readonly orderIds: readonly string[];
  /** Not completed yet. */
  readonly openTasks: readonly Existing[];
  /** From today on. */
  readonly schedules: readonly Existing[];
}

/** In the order of their ids, which the demo data's seed decides: the same on every machine. */
export async function readPopulation(pool: Pool, tenantId: string, today: string): Promise<Population> {
  return await withTenant(
    pool,
    tenantId,
    async (client) => {
      const existing = async (module: ModuleDefinition, condition: string, values: unknown[] = []) => {
        const { rows } = await client.query<Record<string, unknown>>(
          `SELECT id, ${module.writableColumns.join(", ")} FROM ${module.name} WHERE ${condition} ORDER BY id`,
          values,
        );
        return rows.map(({ id, ...document }) => ({ id: String(id), document }));
      };
      const users = await existing(usersModule, "true");
      const orders = await client.query<{ id: string }>("SELECT id FROM orders ORDER BY id");
      return {
        tenantId,
        users,
        technicianIds: users.filter(({ document }) => document.is_technician === true).map(({ id }) => id),
        orderIds: orders.rows.map(({ id }) => id),
        openTasks: await existing(tasksModule, "status IN ('open', 'in_progress')"),
        schedules: await existing(schedulesModule, "date >= $1", [today]),
      };
    },
    { readOnly: true },
  );
}
