// What a purge is asked to remove: read, put into words, estimated, and done.
// Tests: test/integration/operations-purge.test.ts
import { INVALIDATION_SCOPES, type InvalidationScope } from "../cause-origin.js";
import { isModuleName, isTag } from "../identifiers.js";
import type { CacheStats, ModuleStats } from "../stats.js";
import type { Access } from "./access.js";
import { NO_SUCH_TENANT, Refused } from "./answer.js";
import type { Posted } from "./json-body.js";
import type { OperatedCache } from "./operated-cache.js";

export const PURGE_SCOPES = INVALIDATION_SCOPES;
export type PurgeScope = InvalidationScope;

/** Which of them count depends on the scope; the others are empty. */
export interface PurgeTarget {
  readonly scope: PurgeScope;
  readonly tenant: string;
  readonly names: readonly string[];
  readonly url: string;
}

export interface PurgeEstimate {
  /** `null` where the store cannot be asked. */
  readonly entries: number | null;
  readonly bytes: number | null;
  /** False: what is purged is a part of these. */
  readonly isExact: boolean;
  /** Of what is purged, in this process since it began: each becomes a miss until it is filled again. */
  readonly hitsPerSecond: number;
}

const MAX_NAMES = 20;
const MAX_URL_CHARACTERS = 4096;

export function isWide(scope: PurgeScope): boolean {
  return scope === "everything" || scope === "module-everywhere";
}

export function readTarget(posted: Posted, access: Access): PurgeTarget | Refused {
  const scope = PURGE_SCOPES.find((each) => each === posted.scope);
  if (!scope) return invalid(`scope: write one of ${PURGE_SCOPES.join(", ")}`);
  if (isWide(scope) && !access.seesAll)
    return new Refused(403, "forbidden", "you may not purge what others have");
  const tenant = isWide(scope) ? "" : access.tenant(posted.tenant);
  if (tenant === undefined) return NO_SUCH_TENANT;
  const { names = [], url = "" } = posted;
  const isNamed = scope === "modules" || scope === "module-everywhere" || scope === "tags";
  if (!isNamed) {
    if (!Array.isArray(names) || names.length > 0) return invalid(`names: the scope ${scope} takes none`);
    if (scope !== "url") return url === "" ? { scope, tenant, names: [], url } : noUrl(scope);
    const isUrl = typeof url === "string" && /^\/[^\s]*$/.test(url) && url.length <= MAX_URL_CHARACTERS;
    return isUrl
      ? { scope, tenant, names: [], url }
      : invalid("url: write a path with its query, as in /accounts?page=2");
  }
  if (url !== "") return noUrl(scope);
  const isName = scope === "tags" ? isTag : isModuleName;
  if (!Array.isArray(names) || names.length === 0 || !names.every(isName))
    return invalid(`names: write ${scope === "tags" ? '["account-42"]' : '["accounts"]'}`);
  if (names.length > MAX_NAMES) return invalid(`names: at most ${MAX_NAMES} at a time`);
  return { scope, tenant, names, url: "" };
}

function noUrl(scope: PurgeScope): Refused {
  return invalid(`url: the scope ${scope} takes none`);
}

function invalid(message: string): Refused {
  return new Refused(400, "ETC_OPTIONS", message);
}

export function inWords({ scope, tenant, names, url }: PurgeTarget): string {
  const listed = names.join(", ");
  switch (scope) {
    case "modules":
      return `${listed} of ${tenant}`;
    case "tenant":
      return `all that is cached for ${tenant}`;
    case "tags":
      return `what carries ${listed}, of ${tenant}`;
    case "url":
      return `${url} of ${tenant}`;
    case "module-everywhere":
      return `${listed} of all tenants`;
    case "everything":
      return "all that is cached, of all tenants";
  }
}

export async function estimate(
  target: PurgeTarget,
  cache: Pick<OperatedCache, "stats">,
): Promise<PurgeEstimate> {
  const { scope, tenant, names } = target;
  const stats: CacheStats = await cache.stats(isWide(scope) ? {} : { tenantId: tenant });
  const isPart = scope === "tags" || scope === "url";
  const rows = Object.entries(stats.modules)
    .filter(([name]) => names.length === 0 || isPart || names.includes(name))
    .map(([, row]) => row);
  return {
    entries: known(rows, "entries"),
    bytes: known(rows, "bytes"),
    isExact: !isPart && stats.inventoryComplete,
    hitsPerSecond: rows.reduce((sum, { hits }) => sum + hits, 0) / Math.max(1, stats.uptimeSeconds),
  };
}

function known(rows: readonly ModuleStats[], figure: "entries" | "bytes"): number | null {
  let sum = 0;
  for (const { [figure]: value } of rows) {
    if (value === null) return null;
    sum += value;
  }
  return sum;
}

/** Whether the store has confirmed. */
export function purge({ scope, tenant, names, url }: PurgeTarget, cache: OperatedCache): Promise<boolean> {
  switch (scope) {
    case "modules":
      return cache.invalidateTenantCache(tenant, ...names);
    case "tenant":
      return cache.invalidateAllTenant(tenant);
    case "tags":
      return cache.invalidateTags(tenant, ...names);
    case "url":
      return cache.forget({ tenant, url });
    case "module-everywhere":
      return cache.invalidateModule(...names);
    case "everything":
      return cache.clear();
  }
}
