// What a purge is asked to remove, as a form says it; the rest of it is the operations route's, too.
// Tests: test/integration/console-purge.test.ts
import { isModuleName, isTag } from "../identifiers.js";
import type { Access } from "../operations/access.js";
import { isWide, type PurgeScope, type PurgeTarget } from "../operations/purge-target.js";
import { type Form, Refused } from "./form.js";

export const SCOPES = {
  modules: "modules of a tenant",
  tenant: "all of a tenant",
  tags: "tags of a tenant",
  url: "a URL of a tenant",
  "module-everywhere": "modules of all tenants",
  everything: "all of all tenants",
} as const satisfies Record<PurgeScope, string>;

const MAX_NAMES = 20;

export function readTarget(form: Form, access: Access): PurgeTarget | Refused {
  const scope = form.get("scope") ?? "";
  if (!isScope(scope)) return new Refused(400, "Choose what to purge.");
  const wide = isWide(scope);
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

function isScope(scope: string): scope is PurgeScope {
  return Object.hasOwn(SCOPES, scope);
}

function problemOf(scope: PurgeScope, names: readonly string[], url: string): string | undefined {
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
