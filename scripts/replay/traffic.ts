// A day of traffic: requests in the order of their times, the same for the same seed and population.
import { Random } from "../../backend/seed/random.js";
import { addDays, mondayOf, monthOf } from "../../backend/services/views/calendar.js";
import { BUSYNESS, HABITS, type HabitName, SKEW } from "./habits.js";
import { OVERLAY_HABITS, type OverlayHabitName } from "./overlay-habits.js";
import type { OverlayPopulation } from "./overlay-population.js";
import { overlayRequestsOf } from "./overlay-traffic.js";
import type { Planned, PlannedRequest } from "./planned-request.js";
import type { Existing, Population } from "./population.js";
import { Zipf } from "./zipf.js";

export interface TrafficOptions {
  readonly seed: number;
  /** How much of the day, from its beginning; at most eight. */
  readonly hours: number;
  readonly today: string;
}

const read = (path: string): Planned => ({ method: "GET", path: `/api${path}` });
const replace = (path: string, { id, document }: Existing, change: Record<string, unknown>): Planned => ({
  method: "PUT",
  path: `/api${path}/${id}`,
  body: { ...document, ...change },
});

export function planTraffic(populations: readonly Population[], options: TrafficOptions): PlannedRequest[] {
  return populations
    .flatMap((population, i) => planTenant(population, new Random(options.seed + i), options))
    .sort((left, right) => left.atHours - right.atHours);
}

function planTenant(population: Population, random: Random, { hours, today }: TrafficOptions) {
  const people = { user: population.users.length, technician: population.technicianIds.length, tenant: 1 };
  const make = requestsOf(population, random, today);
  return (Object.keys(HABITS) as HabitName[]).flatMap((name) => {
    const { of, perHour } = HABITS[name];
    return inTheDay(population.tenantId, perHour * people[of], hours, random, make[name]);
  });
}

/** As {@link planTraffic}, of the overlay. */
export function planOverlayTraffic(
  populations: readonly OverlayPopulation[],
  { seed, hours }: Pick<TrafficOptions, "seed" | "hours">,
): PlannedRequest[] {
  return populations
    .flatMap((population, i) => {
      const random = new Random(seed + i);
      const make = overlayRequestsOf(population, random);
      const people = { agent: population.agents.length, tenant: 1 };
      return (Object.keys(OVERLAY_HABITS) as OverlayHabitName[]).flatMap((name) => {
        const { of, perHour } = OVERLAY_HABITS[name];
        return inTheDay(population.tenantId, perHour * people[of], hours, random, make[name]);
      });
    })
    .sort((left, right) => left.atHours - right.atHours);
}

/** @param perHour on average */
function inTheDay(
  tenantId: string,
  perHour: number,
  hours: number,
  random: Random,
  make: () => Planned,
): PlannedRequest[] {
  return BUSYNESS.slice(0, Math.ceil(hours)).flatMap((busyness, hour) => {
    const lengthHours = Math.min(1, hours - hour);
    const expected = perHour * busyness * lengthHours;
    // What is left of a whole number happens as often as it is likely.
    const count = Math.floor(expected) + (random.chance(expected % 1) ? 1 : 0);
    return Array.from(
      { length: count },
      (): PlannedRequest => ({ atHours: hour + random.next() * lengthHours, tenantId, ...make() }),
    );
  });
}

function requestsOf(
  population: Population,
  random: Random,
  today: string,
): Readonly<Record<HabitName, () => Planned>> {
  const popular = <T>(list: readonly T[], exponent: number) => {
    const zipf = new Zipf(list.length, exponent);
    return () => list[zipf.pick(random)] ?? random.pick(list);
  };
  const user = popular(population.users, SKEW.users);
  const technician = popular(population.technicianIds, SKEW.technicians);
  const order = popular(population.orderIds, SKEW.orders);
  // Today first, then the days around it: tomorrow, yesterday, the day after, ...
  const nearby = [0, 1, -1, 2, 3, 4, 5, 6, 7, -2, -3].map((days) => addDays(today, days));
  const date = popular(nearby, SKEW.dates);
  const month = monthOf(today);
  const period = popular([today, month, monthOf(addDays(`${month}-01`, -1)), addDays(today, -1)], 1);
  return {
    profile: () => read(`/users/${user().id}`),
    ownDay: () => read(`/schedules/technician/${random.pick(population.technicianIds)}/date/${today}`),
    boardDay: () => read(`/schedules/technician/${technician()}/date/${date()}`),
    today: () => read("/schedules/today"),
    week: () => read(`/schedules/week/${mondayOf(random.chance(0.7) ? today : addDays(today, 7))}`),
    dashboard: () => read("/reports/dashboard"),
    performance: () => read(`/reports/performance/${technician()}/${period()}`),
    analytics: () =>
      read(`/reports/analytics/${random.pick(["tasks", "technicians", "schedules"])}/${period()}`),
    allUsers: () => read("/users"),
    allTechnicians: () => read("/technicians"),
    technicianSchedule: () => read(`/technicians/${technician()}/schedule`),
    orderTasks: () => read(`/tasks/order/${order()}`),
    activeTasks: () => read(`/tasks/technician/${random.pick(population.technicianIds)}/active`),
    tasksInStatus: () => read(`/tasks/status/${random.pickSkewed(["open", "in_progress", "completed"])}`),
    recentTasks: () => read("/tasks/recent"),
    completeTask: () => replace("/tasks", random.pick(population.openTasks), { status: "completed" }),
    createTask: () => ({
      method: "POST",
      path: "/api/tasks",
      body: { order_id: order(), technician_id: technician(), title: "Come back with the part" },
    }),
    moveSchedule: () =>
      replace("/schedules", random.pick(population.schedules), { technician_id: technician() }),
    createSchedule: () => ({
      method: "POST",
      path: "/api/schedules",
      body: {
        technician_id: technician(),
        title: "Emergency call",
        date: date(),
        starts_at: "16:00",
        ends_at: "17:00",
      },
    }),
    changeUser: () =>
      replace("/users", random.pick(population.users), { phone: `+1 555 ${random.int(1000, 9999)}` }),
  };
}
