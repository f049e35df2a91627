// Views of reports, and which of them a task or a schedule is part of.
// Tests: test/http/services.test.ts, test/unit/view-policies.test.ts
import * as z from "zod";
import type { ModuleRecord } from "../../modules/crud-repository.js";
import { recordId } from "../../modules/field-types.js";
import { dayOf } from "../views/calendar.js";
import { defineView, noParams, type Touch, touch } from "../views/view.js";
import { ANALYTICS, ANALYTICS_ROWS, analyticsTypes } from "./analytics-queries.js";
import {
  dashboardAnswer,
  dashboardFigures,
  performanceAnswer,
  technicianFigures,
} from "./figures-queries.js";
import { boundsOf, isOver, period, periodsOf } from "./period.js";

export const dashboard = defineView({
  key: "reports:dashboard",
  path: "/reports/dashboard",
  params: noParams,
  summary: "Read how things are now",
  answer: dashboardAnswer,
  load: dashboardFigures,
  ttlSeconds: (ttl) => ttl.SHORT,
  dayShown: ({ date }) => date,
});

export const performance = defineView({
  key: "reports:performance:{technicianId}:{period}",
  path: "/reports/performance/:technicianId/:period",
  params: z.strictObject({ technicianId: recordId(), period: period() }),
  summary: "Read the work of a technician in a day or a month",
  answer: performanceAnswer,
  load: (reading, { technicianId, period }) =>
    technicianFigures(reading, technicianId, period, boundsOf(period)),
  ttlSeconds: (ttl, { params, today }) => (isOver(params.period, today) ? ttl.DAY : ttl.LONG),
});

export const analytics = defineView({
  key: "reports:analytics:{type}:{period}",
  path: "/reports/analytics/:type/:period",
  params: z.strictObject({
    type: z.enum(analyticsTypes, `must be one of ${analyticsTypes.join(", ")}`),
    period: period(),
  }),
  summary: "Analyse a day or a month",
  answer: z.strictObject({
    type: z.enum(analyticsTypes),
    period: z.string(),
    rows: z.union(analyticsTypes.map((type) => z.array(ANALYTICS_ROWS[type]))),
  }),
  load: async (reading, { type, period }) => ({
    type,
    period,
    rows: await ANALYTICS[type](reading, boundsOf(period)),
  }),
  ttlSeconds: (ttl, { params, today }) => (isOver(params.period, today) ? ttl.DAY : ttl.LONG),
});

/** The reports that count this task: those of the days on which it was created and completed. */
export function taskReportsOf(task: ModuleRecord): Touch[] {
  const moments = [task.created_at, task.completed_at].filter((moment) => moment instanceof Date);
  const periods = new Set(moments.map(dayOf).flatMap(periodsOf));
  return [touch(dashboard, {}), ...[...periods].flatMap((period) => taskReportsIn(period, task))];
}

function taskReportsIn(period: string, { technician_id: technicianId }: ModuleRecord): Touch[] {
  const ofAll = [
    touch(analytics, { type: "tasks", period }),
    touch(analytics, { type: "technicians", period }),
  ];
  return typeof technicianId === "string" ? [...ofAll, touch(performance, { technicianId, period })] : ofAll;
}

/** The reports that count a schedule of this day. */
export function scheduleReportsOf(day: string): Touch[] {
  return [
    touch(dashboard, {}),
    ...periodsOf(day).map((period) => touch(analytics, { type: "schedules", period })),
  ];
}
