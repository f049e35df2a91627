// Demo orders, their tasks and the technicians' schedules: around the day of loading, so that "today" has something to show.
// Tests: test/integration/demo-data.test.ts
import type { Random } from "./random.js";

export interface FieldServiceSources {
  readonly random: Random;
  /** Ids of the accounts that order, and how many orders they have given. */
  readonly accountIds: readonly string[];
  readonly orders: number;
  readonly technicianIds: readonly string[];
  /** The day of loading, "2026-03-31". */
  readonly today: string;
}

type Row = Readonly<Record<string, unknown>>;

export type FieldServiceRows = Readonly<Record<"orders" | "tasks" | "schedules", readonly Row[]>>;

const DAY_MS = 86_400_000;
const TASKS_PER_ORDER = [1, 2, 4, 2] as const;
const PAST_DAYS = 30;
const COMING_DAYS = 14;
const FIRST_HOUR = 8;
// One of four is free.
const SLOTS_A_DAY = 4;
const SLOT_HOURS = 2;
const STEPS = [
  "Inspect the site",
  "Replace the filter",
  "Calibrate the sensors",
  "Update the controller",
  "Test under load",
  "Instruct the staff",
  "Clean the heat exchanger",
  "Hand over and sign",
] as const;

/** How many rows {@link fieldServiceRows} makes. */
export function fieldServiceCounts(
  orders: number,
  technicians: number,
  today: string,
): Record<keyof FieldServiceRows, number> {
  const tasks = Array.from({ length: orders }, (_, i) => tasksOf(i)).reduce((sum, count) => sum + count, 0);
  return { orders, tasks, schedules: workingDays(today).length * technicians * (SLOTS_A_DAY - 1) };
}

const tasksOf = (order: number) => TASKS_PER_ORDER[order % TASKS_PER_ORDER.length] ?? 1;

export function fieldServiceRows(sources: FieldServiceSources): FieldServiceRows {
  const { random, accountIds, technicianIds, today } = sources;
  const todayMs = Date.parse(today);
  const orders: Row[] = [];
  const tasks: Row[] = [];
  for (let i = 0; i < sources.orders; i++) {
    const placedAt = random.workingMoment(todayMs - PAST_DAYS * DAY_MS, todayMs - DAY_MS);
    const steps = Array.from({ length: tasksOf(i) }, () =>
      makeTask(random, placedAt, technicianIds, todayMs),
    );
    const done = steps.every((step) => step.status === "completed");
    const id = random.uuid();
    orders.push({
      id,
      number: `WO-${String(i + 1).padStart(5, "0")}`,
      account_id: random.pick(accountIds),
      status: done ? "done" : "open",
      created_at: placedAt,
      updated_at: placedAt,
    });
    tasks.push(...steps.map((step) => ({ ...step, order_id: id })));
  }
  const ids = orders.map((order) => order.id);
  return { orders, tasks, schedules: makeSchedules(random, technicianIds, ids, today) };
}

/** The longer ago it was ordered, the more likely it is done. */
function makeTask(random: Random, placedAt: Date, technicianIds: readonly string[], todayMs: number): Row {
  const ageDays = (todayMs - placedAt.getTime()) / DAY_MS;
  const completedAt = new Date(placedAt.getTime() + random.int(2, 120) * 3_600_000);
  const completed = random.chance(Math.min(0.95, ageDays / 10)) && completedAt.getTime() < todayMs;
  return {
    id: random.uuid(),
    technician_id: random.maybe(random.pickSkewed(technicianIds), 0.05),
    title: random.pick(STEPS),
    status: completed ? "completed" : random.chance(0.2) ? "in_progress" : "open",
    priority: random.pickSkewed(["normal", "high", "low", "urgent"]),
    due_on: dayOf(placedAt.getTime() + random.int(1, 12) * DAY_MS),
    completed_at: completed ? completedAt : null,
    created_at: placedAt,
    updated_at: completed ? completedAt : placedAt,
  };
}

function makeSchedules(
  random: Random,
  technicianIds: readonly string[],
  orderIds: readonly unknown[],
  today: string,
): Row[] {
  return workingDays(today).flatMap((date) =>
    technicianIds.flatMap((technicianId) => {
      const free = random.int(0, SLOTS_A_DAY - 1);
      const slots = Array.from({ length: SLOTS_A_DAY }, (_, slot) => slot).filter((slot) => slot !== free);
      return slots.map((slot) => {
        const hour = FIRST_HOUR + slot * SLOT_HOURS;
        const plannedAt = new Date(Date.parse(date) - 10 * DAY_MS);
        return {
          id: random.uuid(),
          technician_id: technicianId,
          order_id: random.maybe(random.pick(orderIds), 0.1),
          title: random.pick(STEPS),
          date,
          starts_at: timeOf(hour),
          ends_at: timeOf(hour + SLOT_HOURS),
          status: date < today ? "done" : random.pickSkewed(["planned", "confirmed"]),
          created_at: plannedAt,
          updated_at: plannedAt,
        };
      });
    }),
  );
}

/** From a month ago to two weeks ahead, without weekends; today is always among them. */
function workingDays(today: string): string[] {
  const offsets = Array.from({ length: PAST_DAYS + COMING_DAYS + 1 }, (_, i) => i - PAST_DAYS);
  const days = offsets.map((offset) => dayOf(Date.parse(today) + offset * DAY_MS));
  return days.filter((day) => day === today || ![0, 6].includes(new Date(day).getUTCDay()));
}

const dayOf = (ms: number) => new Date(ms).toISOString().slice(0, 10);
const timeOf = (hour: number) => `${String(hour).padStart(2, "0")}:00`;
