// Views of users and technicians: what they show, their keys and how long they are kept.
// Tests: test/http/services.test.ts, test/unit/view-policies.test.ts
import * as z from "zod";
import { schedulesModule } from "../records/schedules-module.js";
import { usersModule } from "../records/users-module.js";
import { addDays } from "../views/calendar.js";
import { recordRows } from "../views/record-rows.js";
import { defineView, idParam, noParams } from "../views/view.js";

const MAX_USERS = 1000;
const SCHEDULE_DAYS = 14;

const users = recordRows(usersModule);
const schedules = recordRows(schedulesModule);

export const userProfile = defineView({
  key: "users:profile:{id}",
  path: "/users/:id",
  params: idParam,
  summary: "Read a user",
  answer: usersModule.record,
  load: async (reading, { id }) => (await users(reading, "t.id = $2", [id]))[0],
  ttlSeconds: (ttl) => ttl.LONG,
  // A colleague's business data.
  audit: ({ id }) => ({ action: "read", entityType: "user", entityId: id, dataClass: "business" }),
});

export const allUsers = defineView({
  key: "users:all-users",
  path: "/users",
  params: noParams,
  summary: "List users",
  answer: z.array(usersModule.record),
  load: (reading) => users(reading, `true ORDER BY t.name, t.id LIMIT ${MAX_USERS}`),
  ttlSeconds: (ttl) => ttl.SHORT,
});

/** Those who can be sent: former ones have no rows here. */
export const allTechnicians = defineView({
  key: "users:all-technicians",
  path: "/technicians",
  params: noParams,
  summary: "List technicians who can be sent",
  answer: z.array(usersModule.record),
  load: (reading) =>
    users(reading, `t.is_technician AND t.is_active ORDER BY t.name, t.id LIMIT ${MAX_USERS}`),
  ttlSeconds: (ttl) => 2 * ttl.SHORT,
});

/** Two weeks, from today on. */
export const technicianSchedule = defineView({
  key: "users:technician:{id}:schedule",
  path: "/technicians/:id/schedule",
  params: idParam,
  summary: "Read a technician's next two weeks",
  answer: z.strictObject({
    from: z.iso.date(),
    until: z.iso.date(),
    technician_id: z.guid(),
    technician_name: z.string(),
    schedules: z.array(schedulesModule.record),
  }),
  load: async (reading, { id }) => {
    const [technician] = await users(reading, "t.id = $2 AND t.is_technician", [id]);
    if (!technician) return undefined;
    const from = reading.today;
    const until = addDays(from, SCHEDULE_DAYS);
    const rows = await schedules(
      reading,
      "t.technician_id = $2 AND t.date >= $3 AND t.date < $4 ORDER BY t.date, t.starts_at, t.id",
      [id, from, until],
    );
    return { from, until, technician_id: id, technician_name: technician.name, schedules: rows };
  },
  ttlSeconds: (ttl) => ttl.MEDIUM,
  dayShown: (schedule) => schedule.from,
});
