// What an engine is made with.
import type { CausesOptions } from "./causes.js";
import type { RunningFeed } from "./feeds.js";
import type { FillsOptions } from "./fills.js";
import type { GateOptions } from "./gate-options.js";
import type { SweepsOptions } from "./sweeps.js";

export interface EngineOptions extends GateOptions, FillsOptions, SweepsOptions, CausesOptions {
  /** Entries kept in this process beside the store, bytes; 0 for none. */
  readonly localBytes: number;
  readonly localTenantBytes: number;
  /** Whether compressed variants are made. */
  readonly compress: boolean;
  /** Brings writes past the API. Default none. */
  readonly feed?: RunningFeed | undefined;
  /** Around each invalidation, where it is traced. */
  readonly trace?: ((fences: number, replace: () => Promise<boolean>) => Promise<boolean>) | undefined;
}
