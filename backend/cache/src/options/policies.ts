// The option `policies`: what routes have in common, by a name, and what all of them have in common (`base`).
// Tests: test/integration/policies.test.ts
import { TenantCacheError } from "../errors.js";
import { isModuleName } from "../identifiers.js";
import { nearest } from "../nearest.js";
import { listed, shown } from "../shown.js";
import { configuredTtl } from "../ttl-seconds.js";

/** Options of `cacheList` as they were given, by the policy's name. */
export type Policies = Readonly<Record<string, RouteOptionsAsGiven>>;

export type RouteOptionsAsGiven = Readonly<Record<string, unknown>>;

const BASE = "base";

/**
 * @param check refuses a policy that `cacheList` would refuse; gets what it is called in messages
 * @throws TenantCacheError `ETC_OPTIONS`, `ETC_TTL`
 */
export function policiesOf(given: unknown, check: (call: string, options: unknown) => void): Policies {
  const policies: Record<string, RouteOptionsAsGiven> = Object.create(null);
  for (const [name, policy] of Object.entries(given ?? {})) {
    const call = `policies.${name}`;
    if (!isModuleName(name)) {
      throw new TenantCacheError(
        "ETC_OPTIONS",
        `createTenantCache: a policy is called ${shown(name)}: write a lower-case word such as "reference"`,
      );
    }
    const options = typeof policy === "number" ? { ttlSeconds: configuredTtl(policy, call) } : policy;
    check(call, options);
    policies[name] = options as RouteOptionsAsGiven;
  }
  return policies;
}

/**
 * What a route says over what its policy says, over what all routes have in common.
 *
 * @throws TenantCacheError `ETC_OPTIONS` where there is no such policy
 */
export function withPolicies(
  policies: Policies,
  given: RouteOptionsAsGiven,
  call: string,
): RouteOptionsAsGiven {
  const { policy: name, ...own } = given;
  const named = name === undefined ? {} : policyCalled(policies, name, call);
  const merged = [policies[BASE] ?? {}, named, own].reduce(over, {});
  return name === undefined ? merged : { ...merged, policy: name };
}

/** What is said of one module, and by the policy that it names, over what is said of all. */
export function mixed(
  policies: Policies,
  all: RouteOptionsAsGiven,
  { policy: name, ...own }: RouteOptionsAsGiven,
): RouteOptionsAsGiven {
  const named = name === undefined ? {} : policyCalled(policies, name);
  return [all, named, own].reduce(over, {});
}

function policyCalled(policies: Policies, name: unknown, call = "cacheList"): RouteOptionsAsGiven {
  const known = typeof name === "string" ? policies[name] : undefined;
  if (known) return known;
  const names = Object.keys(policies).filter((each) => each !== BASE);
  const near = typeof name === "string" ? nearest(name, names) : undefined;
  const advice =
    near !== undefined
      ? `write "${near}"`
      : names.length > 0
        ? `write ${listed(names)}`
        : "declare it: createTenantCache({ policies: { reference: { ttlSeconds: 3600 } } })";
  throw new TenantCacheError("ETC_OPTIONS", `${call}: there is no policy ${shown(name)}: ${advice}`);
}

/** What is `undefined` counts as not given. A group of options is merged, too. */
function over(below: RouteOptionsAsGiven, above: RouteOptionsAsGiven): RouteOptionsAsGiven {
  const merged: Record<string, unknown> = { ...below };
  for (const [name, value] of Object.entries(above)) {
    if (value === undefined) continue;
    const earlier = merged[name];
    merged[name] = isGroup(value) && isGroup(earlier) ? over(earlier, value) : value;
  }
  return merged;
}

function isGroup(value: unknown): value is RouteOptionsAsGiven {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
