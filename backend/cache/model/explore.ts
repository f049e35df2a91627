// Breadth-first search over every interleaving: the first violation found is one with the fewest steps.

export interface SearchResult {
  /** Different states reached. */
  readonly states: number;
  /** The steps that lead to a violation, the violation last; `undefined` where there is none. */
  readonly counterexample: readonly string[] | undefined;
}

/** Something that may happen next. */
export type Offering<S> = (label: string, change: (next: S) => void) => void;

export interface Model<S> {
  readonly first: S;
  copy(state: S): S;
  /** Equal for states that nothing can tell apart. */
  encode(state: S): string;
  steps(state: S, offer: Offering<S>): void;
}

/**
 * Explores all states that can be reached, or up to the first violation.
 *
 * @throws where there are more than `maxStates`: a search that was cut short proves nothing
 */
export function explore<S extends { violation?: string | undefined }>(
  model: Model<S>,
  maxStates: number,
): SearchResult {
  const seen = new Set([model.encode(model.first)]);
  const labels = [""];
  const parents = [-1];
  let frontier: { index: number; state: S }[] = [{ index: 0, state: model.first }];
  let violating: { index: number; violation: string } | undefined;

  while (frontier.length > 0 && !violating) {
    const next: typeof frontier = [];
    for (const { index, state } of frontier) {
      model.steps(state, (label, change) => {
        const reached = model.copy(state);
        change(reached);
        const code = model.encode(reached);
        if (seen.has(code)) return;
        seen.add(code);
        labels.push(label);
        parents.push(index);
        next.push({ index: labels.length - 1, state: reached });
        if (reached.violation) violating ??= { index: labels.length - 1, violation: reached.violation };
      });
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
