// From the advisor's figures to what they suggest.
// Tests: test/integration/advice.test.ts

import { areMost, warningsOf } from "./advice-warnings.js";
import type { Advisor } from "./advisor.js";
import type { CacheAdvice, RouteAdvice, TenantAdvice, TtlForecast } from "./cache-advice.js";
import type { RouteFigures } from "./route-figures.js";
import { PRESENT_TTL, scaledTtl, TTL_FACTORS } from "./sample-columns.js";
import type { TenantSample } from "./tenant-sample.js";

/** A shorter TTL is as good where it costs less than this. */
const POINT = 0.01;
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
      .filter(({ requests, unstorable }) => requests > 0 || unstorable.size > 0)
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
  const all = forecasts(figures, perHour);
  const present = all.at(PRESENT_TTL) ?? null;
  // Rounded, some are the same: the present one stays, and of others the nearest to it.
  const ttls = all.filter((forecast, index) => {
    const nearer = all[index + Math.sign(PRESENT_TTL - index)];
    return forecast === nearer || forecast.ttlSeconds !== nearer?.ttlSeconds;
  });
  const warnings = warningsOf(figures);
  const mayBeLonger = warnings.every(({ code }) => code === "mostly-unstorable" || code === "no-tenant");
  const candidates =
    mayBeLonger || !present ? ttls : ttls.filter(({ ttlSeconds }) => ttlSeconds <= present.ttlSeconds);
  const best = Math.max(0, ...candidates.map(({ hitRatio }) => hitRatio));
  const enough = candidates.find(({ hitRatio }) => hitRatio >= best - POINT) ?? null;
  return {
    module: terms.module,
    path: figures.path ?? null,
    kind: terms.kind,
    requests,
    requestsPerHour: requests * perHour,
    handlerMs: figures.answers === 0 ? null : figures.meanMs,
    bodyBytes: figures.measuredAnswers === 0 ? null : Math.round(figures.meanBytes),
    present,
    suggested: best < POINT ? null : enough,
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
    const savedRatio = Math.min(1, hitRatio + (figures.collapsedRatio(index) ?? 0));
    const saved = requests * perHour * savedRatio;
    return {
      ttlSeconds: factor === 1 ? Math.round(ttlSeconds) : scaledTtl(ttlSeconds, factor),
      hitRatio,
      savedRatio,
      handlerSecondsSavedPerHour: (saved * meanMs) / 1000,
      queriesSavedPerHour: toldAnswers === 0 ? null : saved * (queries / toldAnswers),
    };
  });
}

function tagsFor({ terms, path, unchangedRefills, changedRefills }: RouteFigures): string | null {
  const refills = unchangedRefills + changedRefills;
  const name = /:(\w+)/.exec(path ?? "")?.[1];
  const isWasted = areMost(unchangedRefills, refills);
  if (!isWasted || terms.hasTags || terms.kind === "values" || name === undefined) return null;
  return `tags: (req) => [\`${terms.module}-\${req.params.${name}}\`]`;
}

function scopeFor({ terms, sameInScopes, differingInScopes }: RouteFigures): "tenant" | null {
  const compared = sameInScopes + differingInScopes;
  return terms.isScoped && areMost(sameInScopes, compared, NEARLY_ALL) ? "tenant" : null;
}

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
