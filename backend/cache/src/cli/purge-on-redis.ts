// `purge` on a Redis: the calls of a cache that is opened for it, so that it is done, confirmed and put on record as from an app.
// Tests: test/integration/cli-purge.test.ts
import { hostname, userInfo } from "node:os";
import { readBeginning } from "../codec/entry-beginning.js";
import { messageOf } from "../store/redis/error-messages.js";
import { createTenantCache, type TenantCache } from "../tenant-cache.js";
import { delay, monotonicNow } from "../timers.js";
import type { Context } from "./context.js";
import type { ExitCode } from "./exit-codes.js";
import { lookAtRedis } from "./on-redis.js";
import { DRY_RUN, type PurgePlan, showPurge } from "./purge-output.js";
import { type PurgeOptions, type PurgeScope, purgeScope } from "./purge-scope.js";
import { cliOption, endedBy, failureOf, isForbidden, type RedisAccess } from "./redis-access.js";
import type { RedisTarget } from "./redis-target.js";
import { readStored } from "./stats-of-redis.js";
import { fencesOf, holdingsOf } from "./tenant-holdings.js";

const UNCOUNTED: PurgePlan = {
  tenants: null,
  entries: null,
  bytes: null,
  isExact: false,
  hitsPerSecond: null,
};
/** More of a tenant are not read for a dry run. */
const MOST_READ = 10_000;
const PAGE = 200;
const HEAD_BYTES = 2048;
const QUIET = { info: () => undefined, warn: () => undefined, error: () => undefined };

export async function runPurgeOnRedis(
  context: Context,
  target: RedisTarget,
  options: PurgeOptions,
): Promise<ExitCode> {
  const { output, timeoutMs } = context;
  const scope = purgeScope(options);
  const plan = await planned(context, target, scope);
  if (!options.yes) return showPurge(output, target.name, { scope, ...plan, ...DRY_RUN });
  const cache = createTenantCache({
    redis: cliOption(target, timeoutMs, false),
    keyPrefix: target.prefix,
    tenant: () => undefined,
    budgetMs: Math.min(timeoutMs, 10_000),
    local: { maxBytes: 0 },
    // Apps whose processes hear of each other hear of this. Where the user may not tell them, it is done all the same.
    causes: { shared: true },
    logger: QUIET,
  });
  try {
    if (!(await cache.ready(timeoutMs))) throw failureOf(cache.health().reason ?? "no answer", target);
    const reason = options.reason?.trim() ?? "";
    const startedMs = monotonicNow();
    const confirmed = await cache.because(originOf(scope, reason, options.actor), () =>
      carriedOut(cache, scope),
    );
    const tookMs = Math.round((monotonicNow() - startedMs) * 100) / 100;
    const code = showPurge(output, target.name, { scope, dryRun: false, ...plan, confirmed, reason, tookMs });
    // Its sweep gives the memory back. Nobody waits for it longer than for an answer: what is left ends with its TTL.
    if (confirmed) await Promise.race([cache.idle(), delay(timeoutMs, undefined, { ref: false })]);
    return code;
  } catch (error) {
    throw endedBy(error, target);
  } finally {
    await cache.close();
  }
}

function originOf(scope: PurgeScope, reason: string, actor: string | undefined) {
  if (!("tenant" in scope)) return { reason };
  const subject = (actor ?? `${userInfo().username}@${hostname()}`).slice(0, 200);
  return { reason, actor: { tenant: scope.tenant, subject } };
}

function carriedOut(cache: TenantCache, scope: PurgeScope): Promise<boolean> {
  switch (scope.kind) {
    case "everything":
      return cache.clear();
    case "module-everywhere":
      return cache.invalidateModule(...scope.modules);
    case "tenant":
      return cache.invalidateAllTenant(scope.tenant);
    case "modules":
      return cache.invalidateTenantCache(scope.tenant, ...scope.modules);
    case "tags":
      return cache.invalidateTags(scope.tenant, ...scope.tags);
    case "url":
      return cache.forget({ tenant: scope.tenant, url: scope.url });
  }
}

/** What would be missed; a right that is missing leaves it uncounted. */
function planned(context: Context, target: RedisTarget, scope: PurgeScope): Promise<PurgePlan> {
  return lookAtRedis(context, target, (access) =>
    count(access, scope).catch((error: unknown) => {
      if (isForbidden(messageOf(error))) return UNCOUNTED;
      throw error;
    }),
  );
}

async function count(access: RedisAccess, scope: PurgeScope): Promise<PurgePlan> {
  if (scope.kind === "url") return countUrl(access, scope);
  const { tenants } =
    "tenant" in scope
      ? { tenants: await holdingsOf(access, [scope.tenant]) }
      : await readStored(access, Number.MAX_SAFE_INTEGER);
  const modules = "modules" in scope ? new Set(scope.modules) : undefined;
  const held = tenants.flatMap(({ modules: all }) => {
    const meant = all.filter(({ module }) => modules?.has(module) ?? true);
    return meant.length === 0 ? [] : [meant];
  });
  const sum = (pick: (of: { entries: number; bytes: number }) => number) =>
    held.flat().reduce((total, each) => total + pick(each), 0);
  return {
    tenants: held.length,
    entries: sum(({ entries }) => entries),
    bytes: sum(({ bytes }) => bytes),
    // Which entries carry a tag is listed nowhere.
    isExact: scope.kind !== "tags",
    hitsPerSecond: null,
  };
}

/** Entries say at their beginning which URL they are of. */
async function countUrl(
  access: RedisAccess,
  { tenant, url }: { readonly tenant: string; readonly url: string },
): Promise<PurgePlan> {
  const wanted = new URL(url, "http://any");
  const [holding] = await holdingsOf(access, [tenant]);
  let [entries, bytes, read] = [0, 0, 0];
  for (const { module } of holding?.modules ?? []) {
    const fences = await fencesOf(access, tenant, [module]);
    const index = access.keys.index(tenant, module, fences.join("_"));
    for (let start = 0; ; start += PAGE) {
      const keys = (await access.call("zrange", index, start, start + PAGE - 1)) as string[];
      read += keys.length;
      if (read > MOST_READ) return UNCOUNTED;
      const sizes = await Promise.all(keys.map((key) => sizeIfOf(access, key, wanted)));
      entries += sizes.filter((size) => size > 0).length;
      bytes += sizes.reduce((sum, size) => sum + size, 0);
      if (keys.length < PAGE) break;
    }
  }
  return { tenants: 1, entries, bytes, isExact: true, hitsPerSecond: null };
}

async function sizeIfOf(access: RedisAccess, key: string, wanted: URL): Promise<number> {
  const head = await access.bytes("getrange", key, 0, HEAD_BYTES - 1);
  const found = readBeginning(head)?.url;
  if (found === undefined) return 0;
  const url = new URL(found, "http://any");
  const isOf = url.pathname === wanted.pathname && (wanted.search === "" || sorted(url) === sorted(wanted));
  return isOf ? Number(await access.call("strlen", key)) : 0;
}

/** Whatever their order, parameters are the same. */
function sorted({ searchParams }: URL): string {
  return [...searchParams]
    .map(([name, value]) => `${name}=${value}`)
    .sort()
    .join("&");
}
