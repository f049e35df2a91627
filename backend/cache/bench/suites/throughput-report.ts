// From the rounds of the throughput suite to its table and what has been reached.
import type { SuiteReport, Verdict } from "../report.js";
import { formatNumber, formatSpread, median } from "../statistics.js";
import type { Variant } from "../variants.js";
import type { ComparedVisit, Contender } from "./contender.js";

const GZIP_SHARE = 0.95;
const P99_TIMES = 1.25;

const VARIANT_NAMES: Record<Variant, string> = { "200": "", "304": ", 304", head: ", HEAD", gzip: ", gzip" };

/** One variant of one subject, in the JSON file. */
export interface MeasuredThroughput {
  readonly subject: string;
  readonly variant: Variant;
  /** Requests a second over those of bare Express, the median of the rounds. */
  readonly ratio: number;
  readonly rounds: readonly ComparedVisit[];
}

export function reportThroughput(contenders: readonly Contender[], failures: readonly string[]): SuiteReport {
  const verdicts = contenders.flatMap((contender) => verdictsOf(contender, contenders));
  const rows = contenders.map((contender) => {
    const { subject, variant, rounds } = contender;
    return [
      subject.title + VARIANT_NAMES[variant],
      formatNumber(medianOf(contender, "perSecond")),
      formatSpread(rounds.map(({ perSecond }) => perSecond)),
      formatNumber(medianOf(contender, "ratio")),
      formatSpread(rounds.map(({ ratio }) => ratio)),
      variant === "200" && subject.floor !== undefined ? formatNumber(subject.floor) : "",
      formatNumber(medianOf(contender, "p50Ms")),
      formatNumber(medianOf(contender, "p99Ms")),
      formatNumber(medianOf(contender, "cpuMicros")),
      formatNumber(medianOf(contender, "cpuShare")),
      formatNumber(100 * medianOf(contender, "stolenShare")),
    ];
  });
  return {
    suite: "throughput",
    tables: [
      {
        title: "Throughput: 32 connections, lists of 20 KB",
        head: [
          "subject",
          "requests/s",
          "spread",
          "ratio",
          "ratio, spread",
          "floor",
          "p50 ms",
          "p99 ms",
          "CPU µs/request",
          "cores used",
          "stolen, %",
        ],
        rows,
      },
    ],
    verdicts,
    failures,
    rounds: contenders.map(
      (contender): MeasuredThroughput => ({
        subject: contender.subject.name,
        variant: contender.variant,
        ratio: medianOf(contender, "ratio"),
        rounds: contender.rounds,
      }),
    ),
  };
}

function verdictsOf(contender: Contender, all: readonly Contender[]): Verdict[] {
  const { subject, variant } = contender;
  const { title, floor } = subject;
  if (floor === undefined) return [];
  if (variant === "200") {
    const ratio = medianOf(contender, "ratio");
    const p99 = medianOf(contender, "p99Ratio");
    return [
      {
        path: title,
        floor: `${formatNumber(floor)} of bare Express`,
        figure: formatNumber(ratio),
        reached: ratio >= floor,
      },
      {
        path: `${title}, p99`,
        floor: `at most ${P99_TIMES} of bare Express`,
        figure: formatNumber(p99),
        reached: p99 <= P99_TIMES,
      },
    ];
  }
  const plain = all.find((other) => other.subject === subject && other.variant === "200");
  const share = plain ? medianOf(contender, "ratio") / medianOf(plain, "ratio") : Number.NaN;
  const isGzip = variant === "gzip";
  return [
    {
      path: title + VARIANT_NAMES[variant],
      floor: isGzip ? `${GZIP_SHARE} of its plain 200` : "more than its 200",
      figure: formatNumber(share),
      reached: isGzip ? share >= GZIP_SHARE : share > 1,
    },
  ];
}

function medianOf({ rounds }: Contender, what: keyof ComparedVisit): number {
  return median(rounds.map((round) => round[what]));
}
