// Reads views before anybody asks for them, tenant by tenant, a few at a time, behind everything else.
import type { Pool } from "pg";
import type { ViewKey } from "../views/view.js";
import type { ViewCache } from "../views/view-cache.js";
import {
  activeTechnicianIds,
  tenantIds,
  WARM_PLAN_NAMES,
  WARM_PLANS,
  type WarmPlanName,
} from "./warm-plans.js";

export interface WarmOptions {
  /** Default: all plans. */
  readonly plans?: readonly WarmPlanName[];
  /** Default: all tenants. */
  readonly tenantIds?: readonly string[];
  /** Called after every value, and once with 0 before the first. */
  readonly onProgress?: (plan: WarmPlanName, done: number, total: number) => void;
  /** Begins nothing new once it has aborted. */
  readonly signal?: AbortSignal;
}

export interface WarmResult {
  readonly plan: WarmPlanName;
  /** Values that are cached now. */
  readonly warmed: number;
  readonly failed: number;
  /** Of the first that failed. */
  readonly error: string | null;
}

const CONCURRENCY = 4;

export class ViewWarmer {
  readonly #pool: Pool;
  readonly #views: ViewCache;

  constructor(pool: Pool, views: ViewCache) {
    this.#pool = pool;
    this.#views = views;
  }

  /** What fails is counted and stops nothing else. Rejects only where the tenants cannot be listed. */
  async warm(options: WarmOptions = {}): Promise<WarmResult[]> {
    const tenants = options.tenantIds ?? (await tenantIds(this.#pool));
    const plans = options.plans ?? WARM_PLAN_NAMES;
    const results: WarmResult[] = [];
    for (const plan of plans) results.push(await this.#warmPlan(plan, tenants, options));
    return results;
  }

  async #warmPlan(
    plan: WarmPlanName,
    tenants: readonly string[],
    { onProgress, signal }: WarmOptions,
  ): Promise<WarmResult> {
    const today = this.#views.today();
    const keys: (readonly [tenantId: string, key: ViewKey])[] = [];
    let warmed = 0;
    let failed = 0;
    let error: string | null = null;
    const fail = (reason: unknown) => {
      failed++;
      error ??= reason instanceof Error ? reason.message : String(reason);
    };
    for (const tenantId of tenants) {
      try {
        const technicianIds = await activeTechnicianIds(this.#pool, tenantId);
        for (const key of WARM_PLANS[plan]({ today, technicianIds })) keys.push([tenantId, key]);
      } catch (reason) {
        fail(reason);
      }
    }
    onProgress?.(plan, 0, keys.length);
    const rest = keys.values();
    const work = async () => {
      for (const [tenantId, { view, params }] of rest) {
        if (signal?.aborted) return;
        await this.#views.read(view, tenantId, params).then(() => warmed++, fail);
        onProgress?.(plan, warmed + failed, keys.length);
      }
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, work));
    return { plan, warmed, failed, error };
  }
}
