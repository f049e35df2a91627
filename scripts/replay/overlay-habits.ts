// What agents, their tools and another CRM do in a working day: how often each does what. Data, as in habits.ts.

/** A kind of request, and how many of them each agent, or each tenant, makes in an hour of work. */
export interface OverlayHabit {
  readonly of: "agent" | "tenant";
  readonly perHour: number;
}

export const OVERLAY_HABITS = {
  // Each page of a client shows the client, what was said, and what is to be done.
  readClient: { of: "agent", perHour: 16 },
  readClients: { of: "agent", perHour: 2 },
  readSyncStatus: { of: "agent", perHour: 2 },
  listCommunications: { of: "agent", perHour: 12 },
  readCommunication: { of: "agent", perHour: 6 },
  listTasks: { of: "agent", perHour: 8 },
  readTask: { of: "agent", perHour: 4 },
  tasksInStatus: { of: "agent", perHour: 2 },
  listDocuments: { of: "agent", perHour: 3 },
  downloadDocument: { of: "agent", perHour: 2 },
  // An assistant looks for work, and does it.
  readQueue: { of: "agent", perHour: 4 },
  workOnQueue: { of: "agent", perHour: 3 },

  addCommunication: { of: "agent", perHour: 1.5 },
  changeTask: { of: "agent", perHour: 1 },
  addAction: { of: "agent", perHour: 2 },
  generateDocument: { of: "agent", perHour: 0.5 },
  // Somebody changes a client in the other CRM, which says so by a webhook.
  webhook: { of: "tenant", perHour: 15 },
} as const satisfies Record<string, OverlayHabit>;

export type OverlayHabitName = keyof typeof OVERLAY_HABITS;

export const AGENTS_PER_TENANT = 4;
export const CLIENTS_PER_AGENT = 12;
export const COMMUNICATIONS_PER_CLIENT = 4;
export const TASKS_PER_CLIENT = 2;

/** How much an agent's popular clients are preferred, as the exponent of Zipf's law. */
export const CLIENT_SKEW = 0.9;
