// Named TTLs: data, because the systems that this continues use the same names for different times.
// Tests: test/unit/refusals/ttl.test.ts

/** Seconds. */
export interface TtlPreset {
  readonly SHORT: number;
  readonly MEDIUM: number;
  readonly LONG: number;
  readonly DAY: number;
}

/** Which one a cache uses is its option `manager.preset`; `cache.manager.ttl` is the chosen one. */
export const TTL_PRESETS = {
  default: { SHORT: 300, MEDIUM: 1800, LONG: 3600, DAY: 86_400 },
  brief: { SHORT: 60, MEDIUM: 300, LONG: 3600, DAY: 86_400 },
} as const satisfies Record<string, TtlPreset>;

export type TtlPresetName = keyof typeof TTL_PRESETS;
