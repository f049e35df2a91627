// `advice` of an app: each route's TTL and the one that is suggested, and what is wrong with routes, as `cache.advice()` says.
// Tests: test/integration/console-faults.test.ts, test/integration/cli-app.test.ts
import type { CacheAdvice, RouteAdvice } from "../advice/cache-advice.js";
import { printable } from "../printable.js";
import { AppClient } from "./app-client.js";
import type { AppTarget } from "./app-target.js";
import { table } from "./columns.js";
import type { Context } from "./context.js";
import { EXIT, type ExitCode } from "./exit-codes.js";
import { countText, durationText, percentText } from "./quantities-text.js";

const COLUMNS = [
  { title: "route", mayCut: true },
  { title: "module" },
  { title: "an hour", isFigure: true, mayDrop: true },
  { title: "TTL now", isFigure: true },
  { title: "hit ratio", isFigure: true },
  { title: "suggested", isFigure: true },
  { title: "ratio then", isFigure: true },
];

export async function runAdvice(context: Context, target: AppTarget): Promise<ExitCode> {
  const { output } = context;
  const advice = await new AppClient(target, context).get<CacheAdvice>("advice");
  const { enabled, routes, seconds } = advice;
  const warned = routes.filter(({ warnings }) => warnings.length > 0);
  output.json(advice);
  if (!enabled) {
    output.line("the cache was made with advice: { enabled: false }: nothing is known");
    return EXIT.done;
  }
  output.line(
    `${output.paint("bold", target.name)}, one process, what it was asked in ${durationText(seconds)}`,
  );
  output.line();
  for (const line of table(COLUMNS, routes.map(rowOf), output.columns)) output.line(line);
  for (const route of warned) {
    output.line();
    for (const { code, text } of route.warnings)
      output.line(`${output.paint("yellow", code)}  ${nameOf(route)}: ${printable(text)}`);
  }
  return warned.length > 0 ? EXIT.finding : EXIT.done;
}

function rowOf(route: RouteAdvice): string[] {
  const { module, requestsPerHour, present, suggested } = route;
  const ttl = (of: RouteAdvice["present"]) => (of ? durationText(of.ttlSeconds) : "-");
  return [
    nameOf(route),
    printable(module),
    countText(Math.round(requestsPerHour)),
    ttl(present),
    percentText(present?.hitRatio),
    ttl(suggested),
    percentText(suggested?.hitRatio),
  ];
}

/** Values have no path. */
function nameOf({ path, module }: RouteAdvice): string {
  return printable(path ?? `values of ${module}`);
}
