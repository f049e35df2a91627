// Schedules: what their changes make stale.
// Tests: test/http/service-cascades.test.ts

import { statesOf } from "../../modules/record-changes.js";
import { schedulesModule } from "../records/schedules-module.js";
import { scheduleReportsOf } from "../reports/reports-views.js";
import { technicianSchedule } from "../users/users-views.js";
import { mondayOf } from "../views/calendar.js";
import type { Service } from "../views/service.js";
import { touch } from "../views/view.js";
import { schedulesToday, schedulesWeek, technicianDay } from "./schedules-views.js";

export const schedulesService: Service = {
  views: [schedulesToday, schedulesWeek, technicianDay],
  records: {
    module: schedulesModule,
    writer: "member",
    domains: ["schedules", "users", "reports"],
    touches: (change) =>
      // Both states: a schedule that moved left one technician or day, and came to another.
      statesOf(change).flatMap(({ technician_id, date }) => {
        const id = String(technician_id);
        const onDay = String(date);
        return [
          touch(technicianDay, { id, date: onDay }),
          touch(schedulesWeek, { startDate: mondayOf(onDay) }),
          touch(technicianSchedule, { id }),
          // Whatever its day: today may begin while this is written.
          touch(schedulesToday, {}),
          ...scheduleReportsOf(onDay),
        ];
      }),
  },
};
