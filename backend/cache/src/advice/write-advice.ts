// From the advisor's figures to what they suggest.
// Tests: test/integration/advice.test.ts
import { MAX_TTL_SECONDS } from "../ttl-seconds.js";
import type { Advisor } from "./advisor.js";
import type {
  AdviceWarning,
  AdviceWarningCode,
  CacheAdvice,
  RouteAdvice,
  TenantAdvice,
  TtlForecast,
} from "./cache-advice.js";
import type { RouteFigures } from "./route-figures.js";
import { PRESENT_TTL, TTL_FACTORS } from "./sample-columns.js";
import type { TenantSample } from "./tenant-sample.js";

/** A shorter TTL is as good where it costs less than this. */
const POINT = 0.01;
/** Fewer comparisons say nothing. */
const FEWEST = 5;
const MOSTLY = 0.5;
const HARDLY = 0.1;
const NEARLY_ALL = 0.95;
const HOUR_SECONDS = 3600;

/** What the engine knows beside. */
export interface AdviceGrounds {
  /** `Infinity` for no bound. */
  readonly maxTenantBytes: number;
  /** Of each module, since the cache began. */
  invalidations(module: string): number;
}

/** What is known where nothing is sampled. */
export const NO_ADVICE: CacheAdvice = {
  enabled: false,
  since: new Date(0).toISOString(),
  seconds: 0,
  routes: [],
  tenants: [],
  cost: { bytes: 0, cpuRatio: 0, sampledKeys: 0 },
};

export function writeAdvice(advisor: Advisor, grounds: AdviceGrounds): CacheAdvice {
  const seconds = advisor.elapsedSeconds;
  const perHour = HOUR_SECONDS / Math.max(seconds, 1);
  const samples = advisor.tenants.all();
  const told = samples.filter(({ name }) => name !== undefined);
  told.sort((one, other) => other.requests - one.requests);
  const others = samples.filter(({ name }) => name === undefined);
  return {
    enabled: true,
    since: advisor.since.toISOString(),
    seconds: Math.round(seconds),
    routes: advisor.routes
      .filter(({ requests }) => requests > 0)
      .map((figures) => adviseRoute(figures, perHour, grounds.invalidations(figures.terms.module)))
      .sort((one, other) => savedBy(other) - savedBy(one)),
    tenants: [...told, ...others].map((sample) => adviseTenant(sample, grounds.maxTenantBytes)),
    cost: {
      bytes: advisor.byteLength,
      cpuRatio: advisor.cpuMs / 1000 / Math.max(seconds, 1),
      sampledKeys: samples.reduce((sum, { keys }) => sum + keys, 0),
    },
  };
}

const savedBy = ({ suggested }: RouteAdvice) => suggested?.handlerSecondsSavedPerHour ?? 0;

function adviseRoute(figures: RouteFigures, perHour: number, invalidations: number): RouteAdvice {
  const { terms, requests, weight } = figures;
  const ttls = forecasts(figures, perHour);
  const present = ttls.at(PRESENT_TTL) ?? null;
  const warnings = warningsOf(figures);
  const mayBeLonger = !warnings.some(({ code }) => code !== "mostly-unstorable");
  const candidates = mayBeLonger ? ttls : ttls.slice(0, PRESENT_TTL + 1);
  const best = Math.max(...candidates.map(({ hitRatio }) => hitRatio));
  return {
    module: terms.module,
    path: figures.path ?? null,
    kind: terms.kind,
    requests,
    requestsPerHour: requests * perHour,
    handlerMs: figures.answers === 0 ? null : figures.meanMs,
    bodyBytes: figures.measuredAnswers === 0 ? null : Math.round(figures.meanBytes),
    present,
    suggested: candidates.find(({ hitRatio }) => hitRatio >= best - POINT) ?? null,
    ttls,
    invalidationsPerHour: invalidations * perHour,
    cutOffRatio: weight === 0 ? 0 : Math.min(1, figures.cutOff / weight),
    suggestedTags: tagsFor(figures),
    suggestedScope: scopeFor(figures),
    unstorable: Object.fromEntries(figures.unstorable),
    warnings,
  };
}

function forecasts(figures: RouteFigures, perHour: number): TtlForecast[] {
  const ttlSeconds = figures.meanTtlSeconds;
  const { requests, meanMs, queries, toldAnswers } = figures;
  return TTL_FACTORS.flatMap((factor, index) => {
    const hitRatio = figures.hitRatio(index);
    if (hitRatio === undefined) return [];
    const hits = requests * perHour * hitRatio;
    return {
      ttlSeconds: Math.min(MAX_TTL_SECONDS, rounded(ttlSeconds * factor)),
      hitRatio,
      handlerSecondsSavedPerHour: (hits * meanMs) / 1000,
      queriesSavedPerHour: toldAnswers === 0 ? null : hits * (queries / toldAnswers),
    };
  });
}

/** TTLs are whole seconds. */
function rounded(seconds: number): number {
  return Math.max(1, Math.round(seconds));
}

function tagsFor({ terms, path, unchangedRefills, changedRefills }: RouteFigures): string | null {
  const refills = unchangedRefills + changedRefills;
  const name = /:(\w+)/.exec(path ?? "")?.[1];
  const isWasted = refills >= FEWEST && unchangedRefills > refills * MOSTLY;
  if (!isWasted || terms.hasTags || terms.kind === "values" || name === undefined) return null;
  return `tags: (req) => [\`${terms.module}-\${req.params.${name}}\`]`;
}

function scopeFor({ terms, sameInScopes, differingInScopes }: RouteFigures): "tenant" | null {
  const compared = sameInScopes + differingInScopes;
  return terms.isScoped && compared >= FEWEST && sameInScopes >= compared * NEARLY_ALL ? "tenant" : null;
}

function warningsOf(figures: RouteFigures): AdviceWarning[] {
  const found = differences(figures);
  const refused = [...figures.unstorable.values()].reduce((sum, count) => sum + count, 0);
  const warnings: AdviceWarning[] = found ? [{ code: found, text: TEXTS[found] }] : [];
  if (refused >= FEWEST && refused > figures.answers * MOSTLY)
    warnings.push({ code: "mostly-unstorable", text: TEXTS["mostly-unstorable"] });
  return warnings;
}

function differences({ compared }: RouteFigures): AdviceWarningCode | undefined {
  const { same, differing, alternating, sameByOther, differingByOther } = compared;
  if (differing < FEWEST) return undefined;
  const byOther = sameByOther + differingByOther;
  const byOne = same + differing - byOther;
  const differingByOne = differing - differingByOther;
  // Who asks decides: the same caller gets the same, another caller mostly something else.
  if (differingByOther > byOther * MOSTLY && differingByOne <= byOne * HARDLY) return "scope-missing";
  if (same === 0 && alternating === 0) return "differs-each-time";
  if (alternating > differing * HARDLY) return "vary-missing";
  return differing > (same + differing) * HARDLY * HARDLY ? "unseen-writes" : undefined;
}

const TEXTS: Readonly<Record<AdviceWarningCode, string>> = {
  "scope-missing":
    "answers under one key differ with the caller: give the route a scope, for example scope: (req) => req.auth.userId",
  "vary-missing":
    "answers under one key alternate: something that they depend on is not in the key; name it by scope, vary or varyBy",
  "differs-each-time":
    "no two answers are equal: something in them (a time, a random number) is new each time; take it out, or do not cache",
  "unseen-writes":
    "answers change without an invalidation in this process: another writer (a job, another process) changes the data; have it invalidate, or keep the TTL short",
  "mostly-unstorable": "most answers may not be stored: unstorable says why",
};

function adviseTenant(sample: TenantSample, maxTenantBytes: number): TenantAdvice {
  const { curve, requests, surplus } = sample;
  const at = (bytes: number) => curve.hitRatio(bytes, requests, surplusOf(sample, surplus));
  return {
    tenant: sample.name ?? null,
    requests,
    samplingRate: sample.rate,
    workingSetBytes: Math.round(sample.workingSetBytes),
    boundBytes: Number.isFinite(maxTenantBytes) ? maxTenantBytes : null,
    atHalf: at(maxTenantBytes / 2),
    atBound: at(maxTenantBytes),
    atTwice: at(maxTenantBytes * 2),
    curve: curve.points(requests, surplusOf(sample, surplus)),
  };
}

/** Where everything misses, nothing is repeated either. */
function surplusOf({ curve, weight }: TenantSample, surplus: number): number {
  return curve.hitRatio(Number.POSITIVE_INFINITY, weight, 0) === 0 ? 0 : surplus;
}
