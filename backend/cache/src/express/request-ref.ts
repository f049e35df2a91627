// The entry that a request names: remembered with the request, and what only misses need is worked out for them.
// Tests: test/integration/cache-list.test.ts
import type { RouteFigures } from "../advice/route-figures.js";
import type { HandlerDurations } from "../engine/handler-durations.js";
import type { KeySpace } from "../store/key-space.js";
import type { OwnHeaders } from "./own-headers.js";
import type { RouteRef } from "./resolved-request.js";

export class RequestRef implements RouteRef {
  readonly tenant: string;
  readonly module: string;
  readonly entryKey: string;
  readonly identity: string;
  readonly fenceKeys: readonly string[];
  readonly settleMs: number;
  readonly maxStaleness: number;
  readonly isLeased: boolean;
  readonly maxEntries: number;
  readonly own: OwnHeaders;
  readonly durations: HandlerDurations;
  readonly carriesTags: boolean;
  readonly reads: readonly string[] | undefined;
  readonly figures: RouteFigures | undefined;
  readonly sample: number;
  readonly view: number;
  readonly viewer: number;
  readonly #keys: KeySpace;
  readonly #hash: string;

  constructor(keys: KeySpace, hash: string, ref: Omit<RequestRef, "leaseKey" | "tagFence">) {
    this.#keys = keys;
    this.#hash = hash;
    this.tenant = ref.tenant;
    this.module = ref.module;
    this.entryKey = ref.entryKey;
    this.identity = ref.identity;
    this.fenceKeys = ref.fenceKeys;
    this.settleMs = ref.settleMs;
    this.maxStaleness = ref.maxStaleness;
    this.isLeased = ref.isLeased;
    this.maxEntries = ref.maxEntries;
    this.own = ref.own;
    this.durations = ref.durations;
    this.carriesTags = ref.carriesTags;
    this.reads = ref.reads;
    this.figures = ref.figures;
    this.sample = ref.sample;
    this.view = ref.view;
    this.viewer = ref.viewer;
  }

  tagFence(tag: string): string {
    return this.#keys.tagFence(this.tenant, tag);
  }

  get leaseKey(): string {
    return this.#keys.lease(this.tenant, this.module, this.#hash);
  }
}
