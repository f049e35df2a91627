// HEALTH_DETAILS: how much of its health the server tells callers whom it does not know.
// Tests: test/unit/config.test.ts

/**
 * What an anonymous caller is told, from least to most: whether each part is well; the cache's counters and
 * alerts, too; and the version, memory and clients of its server. Administrators are told all of it.
 */
export const HEALTH_DETAILS = ["status", "figures", "server"] as const;
export type HealthDetails = (typeof HEALTH_DETAILS)[number];
