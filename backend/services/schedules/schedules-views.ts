// Views of schedules: a technician's day, everybody's today, everybody's week.
// Tests: test/http/services.test.ts, test/unit/view-policies.test.ts
import * as z from "zod";
import { day, recordId } from "../../modules/field-types.js";
import { schedulesModule } from "../records/schedules-module.js";
import { addDays, mondayOf } from "../views/calendar.js";
import { recordRows } from "../views/record-rows.js";
import { defineView, noParams, ttlOfDay } from "../views/view.js";

const schedules = recordRows(schedulesModule);
const IN_ORDER = "ORDER BY t.date, t.starts_at, t.id";

export const technicianDay = defineView({
  key: "schedules:technician:{id}:date:{date}",
  path: "/schedules/technician/:id/date/:date",
  params: z.strictObject({ id: recordId(), date: day() }),
  summary: "List the schedules of a technician's day",
  answer: z.array(schedulesModule.record),
  load: (reading, { id, date }) =>
    schedules(reading, `t.technician_id = $2 AND t.date = $3 ${IN_ORDER}`, [id, date]),
  ttlSeconds: (ttl, { params, today }) => ttlOfDay(ttl, params.date, today),
});

export const schedulesToday = defineView({
  key: "schedules:today",
  path: "/schedules/today",
  params: noParams,
  summary: "List the schedules of today",
  answer: z.strictObject({ date: z.iso.date(), schedules: z.array(schedulesModule.record) }),
  load: async (reading) => ({
    date: reading.today,
    schedules: await schedules(reading, `t.date = $2 ${IN_ORDER}`, [reading.today]),
  }),
  ttlSeconds: (ttl) => ttl.MEDIUM,
  dayShown: ({ date }) => date,
});

/** Seven days from a Monday on; only Mondays, so that a change touches one week and not seven. */
export const schedulesWeek = defineView({
  key: "schedules:week:{startDate}",
  path: "/schedules/week/:startDate",
  params: z.strictObject({
    startDate: day().pipe(z.string().refine((date) => mondayOf(date) === date, "must be a Monday")),
  }),
  summary: "List the schedules of a week",
  answer: z.strictObject({ start_date: z.iso.date(), schedules: z.array(schedulesModule.record) }),
  load: async (reading, { startDate }) => ({
    start_date: startDate,
    schedules: await schedules(reading, `t.date >= $2 AND t.date < $3 ${IN_ORDER}`, [
      startDate,
      addDays(startDate, 7),
    ]),
  }),
  // The week that today is in counts as today.
  ttlSeconds: (ttl, { params, today }) => ttlOfDay(ttl, params.startDate, mondayOf(today)),
});
