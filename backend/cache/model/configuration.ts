// One configuration that is searched, and what must come out.
import { ALL_ON, BASE, NO_FAULTS, type Protections, type Settings } from "./settings.js";
import type { Faults } from "./state.js";

export interface Configuration {
  readonly name: string;
  readonly settings: Settings;
  /** Whether no reachable state is a violation. */
  readonly holds: boolean;
  /** More than 100,000 states: only searched on request, and in CI. A smaller one of its class stands beside it. */
  readonly isLong?: boolean;
}

type Changes = Partial<Omit<Settings, "faults" | "protections">> & {
  readonly faults?: Partial<Faults>;
  /** Protections that are turned off. */
  readonly without?: readonly (keyof Protections)[];
};

function settings({ faults, without = [], ...changes }: Changes): Settings {
  const protections = { ...ALL_ON };
  for (const name of without) protections[name] = false;
  return { ...BASE, ...changes, protections, faults: { ...NO_FAULTS, ...faults } };
}

export const holds = (name: string, changes: Changes): Configuration => ({
  name,
  settings: settings(changes),
  holds: true,
});
export const violated = (name: string, changes: Changes): Configuration => ({
  ...holds(name, changes),
  holds: false,
});
export const long = (configuration: Configuration): Configuration => ({ ...configuration, isLong: true });

export const GUARD = { guard: true };
