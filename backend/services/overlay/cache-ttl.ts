// How long the overlay keeps what: data, so that another agency's rules are another table.
// Tests: test/integration/overlay-records.test.ts

/** Seconds. */
export const CACHE_TTL = {
  session: 86_400,
  crmClient: 21_600,
  communication: 604_800,
  task: 2_592_000,
  aiContext: 3_600,
  /** AI actions that are done or given up; open ones stay until they are worked on. */
  aiAction: 604_800,
  document: 604_800,
} as const;

export type CacheTtl = Readonly<Record<keyof typeof CACHE_TTL, number>>;
