// What people do in a working day: how often each does what. The hit rates of a replay follow from these numbers.

/** A kind of request, and how many of them each person or screen makes in an hour of work. */
export interface Habit {
  readonly name: string;
  /** Who has it: everybody, each technician, or each screen that somebody leaves open. */
  readonly of: "user" | "technician" | "tenant";
  readonly perHour: number;
}

export const HABITS = {
  // Every page shows who is logged in, and the people of what it lists.
  profile: { name: "profile", of: "user", perHour: 40 },
  // The technicians' app asks every two minutes.
  ownDay: { name: "own day", of: "technician", perHour: 30 },
  boardDay: { name: "a technician's day", of: "technician", perHour: 16 },
  today: { name: "today", of: "tenant", perHour: 90 },
  week: { name: "week", of: "tenant", perHour: 20 },
  // Screens on the wall ask every thirty seconds, one for each of two offices.
  dashboard: { name: "dashboard", of: "tenant", perHour: 240 },
  performance: { name: "performance", of: "technician", perHour: 3 },
  analytics: { name: "analytics", of: "tenant", perHour: 20 },
  allUsers: { name: "all users", of: "tenant", perHour: 30 },
  allTechnicians: { name: "all technicians", of: "tenant", perHour: 40 },
  technicianSchedule: { name: "a technician's schedule", of: "technician", perHour: 6 },
  orderTasks: { name: "tasks of an order", of: "technician", perHour: 8 },
  activeTasks: { name: "active tasks", of: "technician", perHour: 20 },
  tasksInStatus: { name: "tasks in a status", of: "tenant", perHour: 30 },
  recentTasks: { name: "recent tasks", of: "tenant", perHour: 60 },

  completeTask: { name: "complete a task", of: "technician", perHour: 0.6 },
  createTask: { name: "create a task", of: "technician", perHour: 0.4 },
  moveSchedule: { name: "move a schedule", of: "technician", perHour: 0.2 },
  createSchedule: { name: "create a schedule", of: "technician", perHour: 0.2 },
  changeUser: { name: "change a user", of: "tenant", perHour: 0.3 },
} as const satisfies Record<string, Habit>;

export type HabitName = keyof typeof HABITS;

/** How busy each hour of a working day is, from nine in the morning on; on average 1. */
export const BUSYNESS = [0.9, 1.3, 1.3, 0.9, 0.6, 1.1, 1.2, 0.7] as const;

/** How much the popular are preferred, as the exponent of Zipf's law. */
export const SKEW = { users: 0.7, technicians: 0.6, dates: 1.5, orders: 1 } as const;
