// What a command reaches beside the database: the cache and the persistent Redis that running processes use.
// Tests: test/faults/admin.test.ts

import type { TenantCache } from "express-tenant-cache";
import type { Pool } from "pg";
import { pino } from "pino";
import type { Config } from "../config.js";
import { HttpProblem } from "../http/problem.js";
import { connectIdentity } from "../identity.js";
import { type ChangeListener, toAll } from "../modules/record-changes.js";
import { openCache } from "../open-cache.js";
import { type AuthOptions, AuthState, createAuthServices, endingSessions } from "../services/auth/index.js";
import { openViews } from "../services/index.js";

export interface Reach {
  /** Hears of changed records, as in a backend process: cached views and sessions of users end with them. */
  readonly changes: ChangeListener;
  readonly auth: AuthOptions | undefined;
  endSessionsOf(tenantId: string, userId: string): Promise<void>;
  /** Has every process refuse the tenant's tokens, or accept them again. */
  tellSuspended(tenantId: string, suspended: boolean): Promise<void>;
  /** Replaces the tenant's fence, or those of modules. Resolves with whether the store has confirmed. */
  clear(tenantId: string, modules: readonly string[]): Promise<boolean>;
  /** What running processes may not have heard of, one line each. */
  missed(): string[];
  close(): Promise<void>;
}

// A command may wait for longer than a request.
const PATIENT_BUDGET_MS = 5000;
const READY_WITHIN_MS = 5000;

export async function openReach(config: Config, pool: Pool): Promise<Reach> {
  // What is away is told once, in the command's own words.
  const logger = pino({ level: "silent" });
  const patient = { ...config, CACHE_BUDGET_MS: Math.max(config.CACHE_BUDGET_MS, PATIENT_BUDGET_MS) };
  const identity = await connectIdentity(patient, logger);
  const cache = openCache(patient, { tenant: () => undefined, logger });
  await cache.ready(READY_WITHIN_MS);
  const views = openViews({ pool, cache });
  const { auth, authenticator } = identity;
  const services = auth && createAuthServices({ pool, cache, authenticator }, auth);
  const state = identity.state && new AuthState(identity.state);
  let stateAway = false;
  const ifStateAnswers = async (work: () => Promise<void> | undefined) => {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof HttpProblem)) throw error;
      stateAway = true;
    }
  };
  const ending = services && endingSessions(services.service);
  return {
    changes: ending
      ? toAll(views, {
          changed: (...change) => ifStateAnswers(() => ending.changed(...change)),
          changedSomehow: (...change) => ending.changedSomehow(...change),
        })
      : views,
    auth,
    endSessionsOf: (tenantId, userId) =>
      ifStateAnswers(() => services?.service.endSessionsOf(tenantId, userId)),
    tellSuspended: (tenantId, suspended) =>
      ifStateAnswers(() => (suspended ? state?.suspendTenant(tenantId) : state?.resumeTenant(tenantId))),
    clear: async (tenantId, [first, ...others]) =>
      first === undefined
        ? await cache.invalidateAllTenant(tenantId)
        : await cache.invalidateTenantCache(tenantId, first, ...others),
    missed: () => [...cacheMissed(cache), ...(stateAway ? [STATE_AWAY] : [])],
    close: async () => {
      await cache.close();
      identity.close();
    },
  };
}

const STATE_AWAY =
  "the Redis of REDIS_URL did not answer: tokens that it should refuse may still be accepted where no database is asked";

function cacheMissed(cache: TenantCache): string[] {
  const { pendingInvalidations, connected, reason } = cache.health();
  if (pendingInvalidations === 0 && connected) return [];
  return [
    `the Redis of REDIS_CACHE_URL did not confirm (${reason ?? "no answer"}): cached answers may still be served`,
  ];
}
