// What jobs, scripts and operators invalidate by a call: of a tenant, of all tenants, or by URL.
// Tests: test/integration/invalidate-cache.test.ts, test/integration/clear.test.ts
import type { Request } from "express";
import * as z from "zod";
import type { CacheEngine } from "../engine/cache-engine.js";
import { markOf } from "../engine/forgotten-urls.js";
import { TenantCacheError } from "../errors.js";
import { moduleName, requireTenantId, type TenantId, tagName } from "../identifiers.js";
import { isRequest, refuseSurplus } from "../options/arguments.js";
import { parse, registerCall } from "../options/parse.js";
import { shown } from "../shown.js";
import type { HttpServices } from "./http-services.js";
import { queryOf, withoutIgnored } from "./query-params.js";
import { canonicalQuery } from "./request-key.js";
import type { TouchedWork } from "./touched.js";

/** A URL as the app sees it, with its query or without, and whose. */
export interface ForgottenUrl {
  readonly tenant: TenantId;
  readonly url: string;
}

/** All resolve with true once the store has confirmed; with false where it is away and what was said waits to be replayed. */
export interface Invalidations {
  /**
   * For jobs and scripts: invalidates modules of a tenant as `invalidateCache` does for a request.
   * @throws TenantCacheError `ETC_TENANT_ID`, `ETC_MODULE_NAME`
   */
  invalidateTenantCache(tenantId: TenantId, ...modules: string[]): Promise<boolean>;
  /**
   * Invalidates everything that carries one of the tags.
   * @throws TenantCacheError `ETC_TENANT_ID`, `ETC_TAG`
   */
  invalidateTags(tenantId: TenantId, ...tags: string[]): Promise<boolean>;
  /**
   * Invalidates all that is cached for a tenant.
   * @throws TenantCacheError `ETC_TENANT_ID`, `ETC_ARGUMENTS`
   */
  invalidateAllTenant(tenantId: TenantId): Promise<boolean>;
  /**
   * Invalidates what is cached of some modules, of every tenant. Walks through the keys of the store: for
   * operators, not for requests.
   * @throws TenantCacheError `ETC_MODULE_NAME`
   */
  invalidateModule(...modules: string[]): Promise<boolean>;
  /**
   * Invalidates what is cached of one URL, of all scopes, hosts and headers: of this request's tenant and URL,
   * or of those that are named. A URL without a query stands for all queries of its path. For single URLs: after
   * some forty, all that the tenant has is invalidated. What each mutation touches is better said by tags;
   * `settleMs` of a route counts from these, not from here.
   * @throws TenantCacheError `ETC_TENANT_ID`, `ETC_ARGUMENTS`, `ETC_OPTIONS`
   */
  forget(target: Request | ForgottenUrl): Promise<boolean>;
  /**
   * Invalidates all that is cached, of every tenant. Walks through the keys of the store: for operators, not
   * for requests.
   * @throws TenantCacheError `ETC_ARGUMENTS`
   */
  clear(): Promise<boolean>;
}

// Each says itself what is wrong with its value.
const forgottenUrl = z.strictObject({ tenant: z.unknown(), url: z.unknown() });

registerCall("forget", 'forget({ tenant, url: "/accounts?page=2" })', forgottenUrl);

/** @internal */
export function createInvalidations(
  engine: CacheEngine,
  http: HttpServices,
  touched: TouchedWork,
): Invalidations {
  const { misuse } = http;
  return {
    invalidateTenantCache: async (tenantId, ...modules) => {
      const call = "invalidateTenantCache";
      const tenant = requireTenantId(tenantId, call);
      const names = namesOf(call, modules);
      misuse.modules.mutated(call, names);
      return engine.invalidate({ tenant, modules: names, tags: [] }, touched.originOf("call", call));
    },
    invalidateTags: async (tenantId, ...tags) => {
      const tenant = requireTenantId(tenantId, "invalidateTags");
      const origin = touched.originOf("call", "invalidateTags");
      return engine.invalidate({ tenant, modules: [], tags: tags.map(tagName) }, origin);
    },
    invalidateAllTenant: async (tenantId, ...surplus: unknown[]) => {
      const call = "invalidateAllTenant";
      refuseSurplus(
        call,
        surplus,
        "invalidateTenantCache(tenantId, module) for a module, and a call for each tenant",
      );
      return engine.invalidateTenant(requireTenantId(tenantId, call), touched.originOf("call", call));
    },
    invalidateModule: async (...modules) => {
      const names = namesOf("invalidateModule", modules);
      misuse.modules.mutated("invalidateModule", names);
      const origin = touched.originOf("clear", "invalidateModule");
      const confirmed = await Promise.all(names.map((name) => engine.invalidateEverywhere(name, origin)));
      return confirmed.every(Boolean);
    },
    forget: async (target, ...surplus: unknown[]) => {
      refuseSurplus("forget", surplus, "a call for each URL: forget({ tenant, url })");
      const { tenant, url } = isRequest(target) ? ofRequest(http, target as Request) : named(target);
      const marks = marksOf(url, engine.events.ignoredParams);
      return engine.forgetUrl(requireTenantId(tenant, "forget"), marks, touched.originOf("forget", "forget"));
    },
    clear: async (...surplus: unknown[]) => {
      refuseSurplus(
        "clear",
        surplus,
        "invalidateModule(module) for all tenants, or invalidateAllTenant(tenantId) for one",
      );
      return engine.invalidateEverywhere(undefined, touched.originOf("clear", "clear"));
    },
  };
}

/** One at least: called without any it would seem to have invalidated something. */
function namesOf(call: string, [first, ...others]: readonly unknown[]): string[] {
  return [first, ...others].map((module) => moduleName(module, call));
}

function named(target: unknown): { readonly tenant?: unknown; readonly url?: unknown } {
  if (typeof target === "object" && target !== null) return parse("forget", forgottenUrl, target);
  throw new TenantCacheError(
    "ETC_ARGUMENTS",
    `forget was given ${shown(target)}: write forget(req), or forget({ tenant, url: "/accounts?page=2" })`,
  );
}

function ofRequest(http: HttpServices, req: Request): { tenant: TenantId | undefined; url: string } {
  return { tenant: http.tenantOf(req), url: (req.baseUrl ?? "") + req.url };
}

/** As routes see it, and as those see it that leave parameters out. */
function marksOf(url: unknown, ignored: ReadonlySet<string>): string {
  const path =
    typeof url === "string" ? /^(?:[a-z][a-z0-9+.-]*:\/\/[^/?#]*)?(\/[^?#]*)/i.exec(url)?.[1] : undefined;
  if (typeof url !== "string" || path === undefined) {
    throw new TenantCacheError(
      "ETC_ARGUMENTS",
      `forget: the url is ${shown(url)}: write a path with its query, as in forget({ tenant, url: "/accounts?page=2" })`,
    );
  }
  const query = queryOf(url);
  if (query === "") return markOf(path);
  const queries = new Set([query, withoutIgnored(query, [...ignored])]);
  return [...queries].map((each) => markOf(path, canonicalQuery(each) ?? [])).join("");
}
