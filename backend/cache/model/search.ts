// Breadth-first search over every interleaving: the first violation found is one with the fewest steps.
import { faultSteps } from "./fault-steps.js";
import { leaseSteps } from "./lease-steps.js";
import { readerSteps } from "./reader-steps.js";
import { initialState, type Settings } from "./settings.js";
import { copyState, encode, type Offer, type State } from "./state.js";
import { writerSteps } from "./writer-steps.js";

export interface SearchResult {
  /** Different states reached. */
  readonly states: number;
  /** The steps that lead to a violation, the violation last; `undefined` where there is none. */
  readonly counterexample: readonly string[] | undefined;
}

/**
 * Explores all states that can be reached, or up to the first violation.
 *
 * @throws where there are more than `maxStates`: a search that was cut short proves nothing
 */
export function search(settings: Settings, maxStates = 5_000_000): SearchResult {
  const first = initialState(settings);
  const seen = new Set([encode(first)]);
  const labels = [""];
  const parents = [-1];
  let frontier: { index: number; state: State }[] = [{ index: 0, state: first }];
  let violating: { index: number; violation: string } | undefined;

  while (frontier.length > 0 && !violating) {
    const next: typeof frontier = [];
    for (const { index, state } of frontier) {
      const offer: Offer = (label, change) => {
        const reached = copyState(state);
        change(reached);
        const code = encode(reached);
        if (seen.has(code)) return;
        seen.add(code);
        labels.push(label);
        parents.push(index);
        next.push({ index: labels.length - 1, state: reached });
        if (reached.violation) violating ??= { index: labels.length - 1, violation: reached.violation };
      };
      writerSteps(state, settings, offer);
      readerSteps(state, settings, offer);
      faultSteps(state, settings, offer);
      leaseSteps(state, settings, offer);
      if (seen.size > maxStates)
        throw new Error(`more than ${maxStates} states: make the configuration smaller`);
    }
    frontier = next;
  }
  return {
    states: seen.size,
    counterexample: violating && [...path(violating.index, labels, parents), violating.violation],
  };
}

function path(last: number, labels: readonly string[], parents: readonly number[]): string[] {
  const steps: string[] = [];
  for (let index = last; index > 0; index = parents[index] ?? 0) steps.unshift(labels[index] ?? "");
  return steps;
}
