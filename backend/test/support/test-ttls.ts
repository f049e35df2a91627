// TTLs for tests, in hours: however long a busy machine takes, nothing expires, and which of them it was can be told.

const HOUR_SECONDS = 3600;

export const TEST_TTLS = { list: 8 * HOUR_SECONDS, count: 4 * HOUR_SECONDS, detail: 16 * HOUR_SECONDS };

/** Whether an entry of this TTL has been stored within the last hour. */
export function isLeftOf(ttlSeconds: number, leftSeconds: number): boolean {
  return leftSeconds > ttlSeconds - HOUR_SECONDS && leftSeconds <= ttlSeconds;
}
