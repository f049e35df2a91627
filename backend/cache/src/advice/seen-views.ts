// Whether scopes get equal answers to one request: the last answer to some requests, by whatever scope.
// Tests: test/integration/advice.test.ts
import type { RouteFigures } from "./route-figures.js";

const MAX_VIEWS = 256;
const FIELDS = 4;

export class SeenViews {
  /** View, viewer, answer and invalidations at that time, by the hash of the view. */
  readonly #seen = new Uint32Array(MAX_VIEWS * FIELDS);

  get byteLength(): number {
    return this.#seen.byteLength;
  }

  /** Compares an answer with the last one that another scope got to the same request. */
  compare(figures: RouteFigures, view: number, viewer: number, answer: number, invalidations: number): void {
    const seen = this.#seen;
    const at = (view % MAX_VIEWS) * FIELDS;
    const isComparable = seen[at] === view && seen[at + 1] !== viewer && seen[at + 3] === invalidations;
    if (isComparable && seen[at + 2] === answer) figures.sameInScopes++;
    else if (isComparable) figures.differingInScopes++;
    seen[at] = view;
    seen[at + 1] = viewer;
    seen[at + 2] = answer;
    seen[at + 3] = invalidations;
  }
}
