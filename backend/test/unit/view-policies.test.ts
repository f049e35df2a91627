// How long each view is kept, and the calendar that its TTL counts with.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import { creditBalance } from "../../services/credits/credits-views.js";
import {
  companyContacts,
  companyDeals,
  companyProfile,
  monthlyAnalytics,
  pipelineStats,
  userCard,
} from "../../services/deals/deals-views.js";
import { boundsOf, isOver, periodsOf } from "../../services/reports/period.js";
import { analytics, dashboard, performance } from "../../services/reports/reports-views.js";
import { schedulesToday, schedulesWeek, technicianDay } from "../../services/schedules/schedules-views.js";
import { activeTasks, orderTasks, recentTasks, tasksInStatus } from "../../services/tasks/tasks-views.js";
import {
  allTechnicians,
  allUsers,
  technicianSchedule,
  userProfile,
} from "../../services/users/users-views.js";
import { addDays, mondayOf, secondsUntilMidnight } from "../../services/views/calendar.js";
import type { View } from "../../services/views/view.js";
import { leadsOfList, workflowDefinition } from "../../services/workflows/workflows-service.js";

const TTL = { SHORT: 300, MEDIUM: 1800, LONG: 3600, DAY: 86_400 };
const MINUTE = 60;
const HOUR = 3600;
const TODAY = "2026-05-13";

type Case = readonly [view: View, params: Record<string, string>, value: unknown, seconds: number];

const CASES: readonly Case[] = [
  [userProfile, { id: "u" }, {}, HOUR],
  [allUsers, {}, [], 5 * MINUTE],
  [allTechnicians, {}, [], 10 * MINUTE],
  [technicianSchedule, { id: "u" }, {}, 30 * MINUTE],
  [schedulesToday, {}, {}, 30 * MINUTE],
  [technicianDay, { id: "u", date: TODAY }, [], 30 * MINUTE],
  [technicianDay, { id: "u", date: "2026-05-14" }, [], 2 * HOUR],
  [technicianDay, { id: "u", date: "2026-05-12" }, [], 24 * HOUR],
  [schedulesWeek, { startDate: "2026-05-11" }, {}, 30 * MINUTE],
  [schedulesWeek, { startDate: "2026-05-18" }, {}, 2 * HOUR],
  [schedulesWeek, { startDate: "2026-05-04" }, {}, 24 * HOUR],
  [orderTasks, { id: "o" }, [], 30 * MINUTE],
  [orderTasks, { id: "o" }, [{ status: "completed" }, { status: "open" }], 30 * MINUTE],
  [orderTasks, { id: "o" }, [{ status: "completed" }], HOUR],
  [activeTasks, { id: "u" }, [], 5 * MINUTE],
  [tasksInStatus, { status: "open" }, [], 5 * MINUTE],
  [tasksInStatus, { status: "completed" }, [], HOUR],
  [recentTasks, {}, [], 5 * MINUTE],
  [companyDeals, { companyId: "c" }, [], 5 * MINUTE],
  [pipelineStats, { companyId: "c" }, {}, 30 * MINUTE],
  [monthlyAnalytics, { month: "2026-05" }, {}, HOUR],
  [companyProfile, { id: "c" }, {}, HOUR],
  [userCard, { id: "u" }, {}, HOUR],
  [companyContacts, { companyId: "c" }, [], 30 * MINUTE],
  [creditBalance, { userId: "u", type: "sms" }, {}, MINUTE],
  [workflowDefinition, { id: "w" }, {}, 5 * MINUTE],
  [leadsOfList, { listId: "l" }, [], 2 * MINUTE],
  [dashboard, {}, {}, 5 * MINUTE],
  [performance, { technicianId: "u", period: TODAY }, {}, HOUR],
  [performance, { technicianId: "u", period: "2026-05" }, {}, HOUR],
  [performance, { technicianId: "u", period: "2026-05-12" }, {}, 24 * HOUR],
  [analytics, { type: "tasks", period: "2026-04" }, {}, 24 * HOUR],
  [analytics, { type: "tasks", period: "2026-05" }, {}, HOUR],
];

const KEYS = [
  "users:profile:{id}",
  "users:all-users",
  "users:all-technicians",
  "users:technician:{id}:schedule",
  "schedules:today",
  "schedules:technician:{id}:date:{date}",
  "schedules:week:{startDate}",
  "tasks:order:{id}",
  "tasks:technician:{id}:active",
  "tasks:status:{status}",
  "tasks:recent",
  "deals:company:{companyId}",
  "pipeline:stats:{companyId}",
  "analytics:monthly:{month}",
  "company:profile:{id}",
  "user:profile:{id}",
  "contacts:list:{companyId}",
  "credits:{userId}:{type}",
  "workflow:{id}:definition",
  "leads:{listId}",
  "reports:dashboard",
  "reports:performance:{technicianId}:{period}",
  "reports:analytics:{type}:{period}",
];

test("the views' keys are those that operators know", () => {
  assert.deepEqual([...new Set(CASES.map(([view]) => view.key))], KEYS);
});

describe("how long views are kept", () => {
  for (const [view, params, value, seconds] of CASES) {
    const about = [...Object.values(params), JSON.stringify(value)].join(" ");
    test(`${view.key} (${about}): ${seconds / MINUTE} min`, () => {
      assert.equal(view.ttlSeconds(TTL, { params, value, today: TODAY }), seconds);
    });
  }
});

describe("the calendar", () => {
  test("a week begins on Monday", () => {
    assert.equal(mondayOf("2026-05-11"), "2026-05-11");
    assert.equal(mondayOf("2026-05-17"), "2026-05-11");
    assert.equal(mondayOf("2026-03-01"), "2026-02-23");
  });

  test("days cross months and leap days", () => {
    assert.equal(addDays("2028-02-28", 1), "2028-02-29");
    assert.equal(addDays("2026-12-31", 1), "2027-01-01");
    assert.equal(addDays("2026-03-01", -1), "2026-02-28");
  });

  test("a day ends at midnight UTC, and is never without a second", () => {
    assert.equal(secondsUntilMidnight(new Date("2026-05-13T23:59:59.999Z")), 1);
    assert.equal(secondsUntilMidnight(new Date("2026-05-13T00:00:00.000Z")), 86_400);
  });

  test("periods are days and months, each without its end", () => {
    assert.deepEqual(boundsOf("2026-12-31"), { from: "2026-12-31T00:00:00Z", until: "2027-01-01T00:00:00Z" });
    assert.deepEqual(boundsOf("2026-12"), { from: "2026-12-01T00:00:00Z", until: "2027-01-01T00:00:00Z" });
    assert.deepEqual(boundsOf("2026-02"), { from: "2026-02-01T00:00:00Z", until: "2026-03-01T00:00:00Z" });
    assert.deepEqual(periodsOf("2026-02-28"), ["2026-02-28", "2026-02"]);
  });

  test("a period is over on the day after its last", () => {
    assert.equal(isOver("2026-05-13", "2026-05-13"), false);
    assert.equal(isOver("2026-05-13", "2026-05-14"), true);
    assert.equal(isOver("2026-05", "2026-05-31"), false);
    assert.equal(isOver("2026-05", "2026-06-01"), true);
  });
});
