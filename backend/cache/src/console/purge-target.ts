// What a purge is asked to remove: read from a form, put into words, estimated, and done.
// Tests: test/integration/console-purge.test.ts
import { isModuleName, isTag } from "../identifiers.js";
import type { TenantCache } from "../tenant-cache.js";
import type { Access } from "./access.js";
import { type Form, Refused } from "./form.js";
import type { Sources } from "./sources.js";
import { known } from "./sums.js";

export const SCOPES = {
  modules: "modules of a tenant",
  tenant: "all of a tenant",
  tags: "tags of a tenant",
  url: "a URL of a tenant",
  "module-everywhere": "modules of all tenants",
  everything: "all of all tenants",
} as const;

export type Scope = keyof typeof SCOPES;

/** Names are texts as forms send them; which of them count depends on the scope. */
export interface Target {
  readonly scope: Scope;
  readonly tenant: string;
  readonly names: readonly string[];
  readonly url: string;
}

export interface Estimate {
  readonly entries: number | null;
  readonly bytes: number | null;
  /** False: what is purged is a part of these. */
  readonly isExact: boolean;
  /** Of what is purged, in this process since it began: each hit a second becomes a miss until it is filled again. */
  readonly hitsPerSecond: number;
}

const MAX_NAMES = 20;

export function isWide({ scope }: Target): boolean {
  return scope === "everything" || scope === "module-everywhere";
}

export function readTarget(form: Form, access: Access): Target | Refused {
  const scope = form.get("scope") ?? "";
  if (!isScope(scope)) return new Refused(400, "Choose what to purge.");
  const wide = isWide({ scope, tenant: "", names: [], url: "" });
  if (wide && !access.seesAll) return new Refused(403, "You may not purge what others have.");
  const tenant = wide ? "" : access.tenant(form.get("tenant")?.trim());
  if (tenant === undefined) return new Refused(403, "You may not purge this tenant.");
  const names = (form.get("names") ?? "").split(/[\s,]+/).filter((name) => name !== "");
  const url = form.get("url")?.trim() ?? "";
  const problem = problemOf(scope, names, url);
  if (problem !== undefined) return new Refused(400, problem);
  const isNamed = scope !== "tenant" && scope !== "everything" && scope !== "url";
  return { scope, tenant, names: isNamed ? names : [], url: scope === "url" ? url : "" };
}

function isScope(scope: string): scope is Scope {
  return Object.hasOwn(SCOPES, scope);
}

function problemOf(scope: Scope, names: readonly string[], url: string): string | undefined {
  if (names.length > MAX_NAMES) return `At most ${MAX_NAMES} names at a time.`;
  switch (scope) {
    case "modules":
    case "module-everywhere":
      return names.length > 0 && names.every(isModuleName)
        ? undefined
        : "Name modules, such as: accounts leads";
    case "tags":
      return names.length > 0 && names.every(isTag) ? undefined : "Name tags, such as: account-42";
    case "url":
      return /^\/[^\s]*$/.test(url) && url.length <= 4096
        ? undefined
        : "Write a path with its query: /accounts?page=2";
    default:
      return undefined;
  }
}

export function inWords({ scope, tenant, names, url }: Target): string {
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

/** From the same figures as the pages. */
export async function estimate(target: Target, sources: Sources): Promise<Estimate> {
  const { scope, tenant, names } = target;
  const modules = isWide(target) ? (await sources.whole()).modules : (await sources.tenant(tenant)).modules;
  const isPart = scope === "tags" || scope === "url";
  const rows = Object.entries(modules)
    .filter(([name]) => names.length === 0 || isPart || names.includes(name))
    .map(([, stats]) => stats);
  const uptimeSeconds = Math.max(1, (Date.now() - sources.engine.counters.since.getTime()) / 1000);
  return {
    entries: known(rows, "entries"),
    bytes: known(rows, "bytes"),
    isExact: !isPart,
    hitsPerSecond: rows.reduce((sum, { hits }) => sum + hits, 0) / uptimeSeconds,
  };
}

/** Whether the store has confirmed. */
export function purge({ scope, tenant, names, url }: Target, cache: TenantCache): Promise<boolean> {
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
