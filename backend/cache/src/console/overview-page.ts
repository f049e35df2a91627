// The first page: how the cache does now, what wants an operator, and a chart that goes on by itself.
// Tests: test/integration/console-pages.test.ts
import { BUCKET_SECONDS } from "../engine/latencies.js";
import { type SaidLine, SaidLines } from "../engine/said-lines.js";
import type { Logger } from "../logger.js";
import type { Access } from "../operations/access.js";
import { findingsOf } from "./findings.js";
import { type Html, html } from "./html.js";
import type { Page } from "./page.js";
import { bytes, count, milliseconds, percent, time } from "./quantities.js";
import type { Sources } from "./sources.js";
import { known } from "./sums.js";

const MAX_FINDINGS = 20;
const MAX_LINES = 5;

export const overviewPage: Page = {
  name: "",
  title: "Overview",
  async show({ access, sources }) {
    const [modules, tenants] = await Promise.all([sources.modules(access), sources.tenants(access)]);
    const whole = access.seesAll ? await sources.whole() : undefined;
    const findings = findingsOf({
      modules,
      tenants,
      whole: whole && {
        stats: whole,
        alerts: sources.monitor.alerts,
        routes: sources.cache.advice().routes,
        reasonsOf: (module) => sources.engine.counters.reasonsOf(module),
      },
      maxBytesPerTenant: quotaOf(sources),
    });
    const held = whole?.totals.bytes ?? known([...tenants.values()], "bytes");
    const { totals, store } = sources.figures(access);
    const latest = access.seesAll ? sources.history.latest : undefined;
    const content = html`<dl class="tiles">
${tile("Hit ratio", percent(totals.hitRatio), "hitRatio", `${count(totals.hits + totals.misses)} lookups since ${time(sources.engine.counters.since)}`)}
${tile("Circuit", circuitText(store.circuit), "circuit", store.kind)}
${tile("Latency", milliseconds(whole?.store.latencyMs ?? store.latencyMs), "latency", "one round trip to the store")}
${tile("Entries", bytes(held), undefined, access.seesAll ? "of all tenants" : "of your tenants")}
${latest && tile("Memory", percent(latest.memoryShare), undefined, `${bytes(latest.server?.usedMemoryBytes)} of the server's`)}
${access.seesAll && durations(sources)}
${access.seesAll && probe(sources)}
${whole?.server && tile("Evicted by the server", count(whole.server.evictedKeys), undefined, "keys, since it began")}
</dl>
<h2>What wants an operator</h2>
${
  findings.length === 0
    ? html`<p class="none">Nothing that can be seen from here.</p>`
    : html`<ul class="findings">${findings
        .slice(0, MAX_FINDINGS)
        .map(({ text, page }) => html`<li><a href="${page}">${text}</a></li>`)}</ul>`
}${findings.length > MAX_FINDINGS && html`<p>And ${count(findings.length - MAX_FINDINGS)} more.</p>`}
${access.seesAll && saidLines(sources)}
${chart()}`;
    return { content };
  },
};

/** What the app's log has, too: why something lasts, in the cache's own words. */
function saidLines({ engine }: Sources): Html | undefined {
  const lines = linesOf(engine.logger).slice(0, MAX_LINES);
  if (lines.length === 0) return undefined;
  return html`<h2>What the cache has logged</h2>
<ul class="findings">${lines.map(({ at, text }) => html`<li>${time(at)} ${text}</li>`)}</ul>
<p><a href="alerts">All of it</a></p>`;
}

export function linesOf(logger: Logger): readonly SaidLine[] {
  return logger instanceof SaidLines ? logger.lines : [];
}

/** Bounds of buckets: at most so long. */
function durations({ engine }: Sources): Html | undefined {
  const { buckets, count: all } = engine.counters.latencies.figures("hit");
  if (all === 0) return undefined;
  const within = (share: number) => {
    let seen = 0;
    const index = BUCKET_SECONDS.findIndex((_, at) => {
      seen += buckets[at] ?? 0;
      return seen >= share * all;
    });
    return milliseconds((BUCKET_SECONDS[index] ?? Number.POSITIVE_INFINITY) * 1000);
  };
  return tile(
    "Hits are answered",
    `within ${within(0.99)}`,
    undefined,
    `99 of 100; half of them within ${within(0.5)}`,
  );
}

/** Drawn by the script, which also says in its label what it shows. */
function chart(): Html {
  return html`<h2>Now</h2>
<figure><div id="chart" role="img" aria-label="Hit ratio and latency: needs the script"></div>
<figcaption>Hit ratio and latency of this process; a point every five seconds.</figcaption></figure>`;
}

function tile(name: string, value: string, live: string | undefined, note: string): Html {
  return html`<div><dt>${name}</dt><dd><strong${live !== undefined && html` data-live="${live}"`}>${value}</strong> <span>${note}</span></dd></div>`;
}

function probe({ engine }: Sources): Html | undefined {
  const figures = engine.counters.probe;
  if (!figures) return undefined;
  const value = figures.staleSeconds > 0 ? `stale for ${Math.round(figures.staleSeconds)} s` : "fresh";
  return tile(
    "Staleness probe",
    value,
    undefined,
    `${count(figures.fresh)} reads fresh, ${count(figures.stale)} stale`,
  );
}

function circuitText(circuit: string): string {
  return circuit === "closed" ? "closed (in use)" : circuit;
}

export function quotaOf({ engine }: Sources): number | null {
  return Number.isFinite(engine.maxTenantBytes) ? engine.maxTenantBytes : null;
}

/** For the script: what the tiles and the chart show. */
export function figuresFor(access: Access, sources: Sources, withHistory: boolean): object {
  const { totals, store } = sources.figures(access);
  const { hits, misses, hitRatio } = totals;
  const { circuit, latencyMs } = store;
  return {
    tiles: { hitRatio: percent(hitRatio), circuit: circuitText(circuit), latency: milliseconds(latencyMs) },
    point: { at: Date.now(), hits, misses, latencyMs },
    ...(withHistory && { history: access.seesAll ? sources.history.points : [] }),
  };
}
