// Figures as prom-client's registries ask for them: an object of its shape for each, which reads when it is asked.
// Tests: test/integration/metrics.test.ts
import { BUCKET_SECONDS } from "../engine/latencies.js";
import type { Figure } from "./figure.js";
import { FIGURES, HISTOGRAMS, type HistogramFigure } from "./figures.js";
import type { MetricsView, MetricsViews } from "./metrics-view.js";

/** What this library asks of a registry of `prom-client`; the app's own is one. */
export interface MetricsRegistry {
  readonly contentType: string;
  metrics(): Promise<string>;
  // biome-ignore lint/suspicious/noExplicitAny: prom-client's own classes, whose types this package does not ship
  registerMetric(metric: any): void;
  getSingleMetric(name: string): unknown;
}

interface Value {
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
  readonly metricName?: string;
}

/** The names of all metrics, without the suffixes of histograms. */
export const METRIC_NAMES: readonly string[] = [...FIGURES, ...HISTOGRAMS].map(({ name }) => name);

/** Has the registry ask for every figure from now on. @internal */
export function registerFigures(registry: MetricsRegistry, views: MetricsViews): void {
  // OpenMetrics names a counter without the suffix of its samples, which prom-client adds again.
  const isOpen = registry.contentType.startsWith("application/openmetrics-text");
  for (const figure of FIGURES)
    registry.registerMetric(
      exposed(figure, figure.kind, views, isOpen ? figure.name.replace(/_total$/, "") : figure.name, (view) =>
        valuesOf(figure, view),
      ),
    );
  for (const histogram of HISTOGRAMS)
    registry.registerMetric(
      exposed(histogram, "histogram", views, histogram.name, (view) => bucketsOf(histogram, view)),
    );
}

function exposed(
  { name, help }: { readonly name: string; readonly help: string },
  type: string,
  views: MetricsViews,
  shownName: string,
  read: (view: MetricsView) => readonly Value[],
) {
  return {
    name,
    help,
    type,
    aggregator: "sum",
    get: async () => ({ name: shownName, help, type, aggregator: "sum", values: read(views.now()) }),
    /** `resetMetrics()` of a registry is for metrics that count there. */
    reset: () => undefined,
  };
}

function valuesOf(figure: Figure, view: MetricsView): readonly Value[] {
  return figure.read(view);
}

function bucketsOf({ name, timed }: HistogramFigure, { engine }: MetricsView): Value[] {
  const { buckets, count, sumSeconds } = engine.counters.latencies.figures(timed);
  let below = 0;
  const values: Value[] = BUCKET_SECONDS.map((bound, index) => {
    below += buckets[index] ?? 0;
    return { metricName: `${name}_bucket`, labels: { le: bound }, value: below };
  });
  values.push({ metricName: `${name}_bucket`, labels: { le: "+Inf" }, value: count });
  values.push({ metricName: `${name}_sum`, labels: {}, value: sumSeconds });
  values.push({ metricName: `${name}_count`, labels: {}, value: count });
  return values;
}
