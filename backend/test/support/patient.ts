// Bounds of time for tests that are not about them: a machine that is busy with other tests may take as long as it likes.
import type { Pool } from "pg";
import { createPool, type PoolOptions } from "../../db/pool.js";

export const PATIENT_MS = 120_000;

/** A pool that waits for connections and answers as long as a busy machine needs. */
export function patientPool(databaseUrl: string, options: Partial<PoolOptions> = {}): Pool {
  const patience = { connectTimeoutMs: PATIENT_MS, statementTimeoutMs: PATIENT_MS };
  return createPool({ databaseUrl, ...patience, onError: () => undefined, ...options });
}

/** Records of an audit trail may be made durable, and policies be read, as late as a busy machine likes. */
export const PATIENT_TRAIL = { group: { maxWaitMs: PATIENT_MS }, policyWithinMs: PATIENT_MS } as const;
