// What a figure is: a name, what it means, and where it is read.
// Tests: test/unit/metrics-page.test.ts
import type { CacheEngine } from "../engine/cache-engine.js";
import type { MetricsView } from "./metrics-view.js";

export type Labels = Readonly<Record<string, string>>;
export interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

export interface Figure {
  readonly name: string;
  readonly kind: "counter" | "gauge";
  readonly help: string;
  readonly labels: readonly string[];
  /** Nothing where there is nothing to tell. */
  read(view: MetricsView): readonly Sample[];
}

const NO_LABELS: Labels = {};
export const NONE: readonly Sample[] = [];

type Read = (engine: CacheEngine, view: MetricsView) => number | boolean | null | undefined;

function single(kind: Figure["kind"], name: string, help: string, read: Read): Figure {
  return {
    name,
    kind,
    help,
    labels: [],
    read: (view) => {
      const value = read(view.engine, view);
      return value === null || value === undefined ? NONE : [{ labels: NO_LABELS, value: Number(value) }];
    },
  };
}
export const counter = (name: string, help: string, read: Read) => single("counter", name, help, read);
export const gauge = (name: string, help: string, read: Read) => single("gauge", name, help, read);
