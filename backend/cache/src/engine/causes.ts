// Causes: what has replaced fences, written with them and read back for a day.
// Tests: test/integration/causes.test.ts, test/unit/causes.test.ts

import type { Origin } from "../cause-origin.js";
import type { CauseNote } from "../store/cause-log.js";
import { changedAtMs, MADE_MARK } from "../store/fence-token.js";
import type { FencedPart, KeySpace } from "../store/key-space.js";
import type { Store } from "../store/store.js";
import { CAUSES_KEPT_MS, type Cause, type CauseParts, causeNote, decodeCause } from "./cause-text.js";
import type { StoreGate } from "./store-gate.js";

export interface CausesOptions {
  /** About so many are kept of each tenant. Default none. */
  readonly maxCausesPerTenant?: number;
}

export class Causes {
  readonly #store: Store;
  readonly #keys: KeySpace;
  readonly #gate: StoreGate;
  readonly #max: number;

  constructor(store: Store, keys: KeySpace, gate: StoreGate, options: CausesOptions) {
    this.#store = store;
    this.#keys = keys;
    this.#gate = gate;
    this.#max = store.readCauses ? (options.maxCausesPerTenant ?? 0) : 0;
  }

  /** Whether anything is kept. */
  get areKept(): boolean {
    return this.#max > 0;
  }

  /** What is written with the fences; `undefined` where nothing is kept. */
  note(tenant: string, origin: Origin, parts: CauseParts): CauseNote | undefined {
    if (this.#max === 0) return undefined;
    return causeNote(this.#keys.causes(tenant), origin, parts, this.#max);
  }

  /** The newest first; empty where the store is away, or keeps none. Never rejects. */
  async read(tenant: string, limit: number): Promise<readonly Cause[]> {
    const { readCauses } = this.#store;
    if (!readCauses || this.#gate.state !== "closed") return [];
    const query = { sinceMs: Date.now() - CAUSES_KEPT_MS, limit };
    try {
      const stored = await this.#gate.bound(
        Reflect.apply(readCauses, this.#store, [this.#keys.causes(tenant), query]),
      );
      return stored.flatMap((each) => decodeCause(tenant, each) ?? []);
    } catch {
      return [];
    }
  }
}

/**
 * The cause of a fence among those of its tenant. Both were written in one step, so that both say the same
 * millisecond. A fence that was amended keeps its time, and has the URLs behind it that were forgotten since: the
 * newest of those is its cause.
 */
export function causeOf(part: FencedPart, fence: string, causes: readonly Cause[]): Cause | undefined {
  if (fence.includes("~")) return causes.find(({ kind }) => kind === "forget");
  const atMs = changedAtMs([fence]);
  return causes.find((cause) => cause.atMs === atMs && concerns(cause, part));
}

/** Whether the fence was made by a fill, because there was none. */
export function isMade(fence: string): boolean {
  return fence.startsWith(MADE_MARK);
}

function concerns({ modules, tags, everything }: Cause, part: FencedPart): boolean {
  switch (part.of) {
    case "tenant":
      return everything;
    case "module":
      return modules.includes(part.name);
    case "tag":
      return tags.includes(part.name);
    case "any-tag":
      return tags.length > 0;
  }
}
