// The parts of the Store contract that a simple store may leave out, and the refusal of whoever needs one of them.
// Tests: test/contract/memory-store.test.ts
import { TenantCacheError } from "../errors.js";
import type { KeyedStore } from "./keyed-store.js";
import type { Store } from "./store.js";

/** What a store may be said to leave out: single keys, the reclaiming of what has been cut off, the bound of a tenant's bytes. */
export type StorePart = "keyed" | "sweep" | "quota";

/** Of the others nothing need be said. `causes`: why fences were replaced; `sharing`: what is reserved for tenants; `feed`: a place for its state. */
export type OptionalPart = StorePart | "causes" | "sharing" | "feed";

const MEMBERS = {
  keyed: "keyed",
  sweep: "sweep",
  quota: "tenantBytes",
  causes: "readCauses",
  sharing: "share",
  feed: "feed",
} as const;

/** Whether the store has this part. */
export function offers(store: Store, part: OptionalPart): boolean {
  return store[MEMBERS[part]] !== undefined;
}

/** @throws TenantCacheError `ETC_STORE_PART` */
export function requirePart(store: Store, part: OptionalPart, what: string): void {
  if (!offers(store, part)) throw lacking(store, part, what);
}

/** @throws TenantCacheError `ETC_STORE_PART` */
export function keyedOf(store: Store): KeyedStore {
  if (store.keyed === undefined) throw lacking(store, "keyed", "cache.manager");
  return store.keyed;
}

function lacking({ kind }: Store, part: OptionalPart, what: string): TenantCacheError {
  return new TenantCacheError(
    "ETC_STORE_PART",
    `${what} needs what the store "${kind}" leaves out: give the store ${MEMBERS[part]}, as the Store contract says, or do without`,
  );
}
