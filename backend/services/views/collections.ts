// What views need of typed collections; for now every read goes to its loader.
import type { ViewParams } from "./view.js";

export interface TtlPreset {
  readonly SHORT: number;
  readonly MEDIUM: number;
  readonly LONG: number;
  readonly DAY: number;
}

export const DEFAULT_TTL: TtlPreset = { SHORT: 300, MEDIUM: 1800, LONG: 3600, DAY: 86_400 };

export interface ViewCollection {
  getOrSet(
    tenantId: string,
    params: ViewParams,
    load: () => Promise<unknown>,
    options: { readonly ttlSeconds: (value: unknown) => number },
  ): Promise<unknown>;
  delete(tenantId: string, params: ViewParams): Promise<unknown>;
}

export const loadAlways: ViewCollection = {
  getOrSet: (_tenantId, _params, load) => load(),
  delete: async () => undefined,
};
