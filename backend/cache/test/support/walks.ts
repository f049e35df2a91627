// How often the store of a cache has been walked through for an inventory.
import type { TenantCache } from "../../src/index.js";
import { engineOf } from "../../src/tenant-cache.js";

/** Counts from now on. */
export function countWalks(cache: TenantCache): { times: number } {
  const { store } = engineOf(cache);
  const walks = { times: 0 };
  const take = store.inventory.bind(store);
  store.inventory = (filter) => {
    walks.times++;
    return take(filter);
  };
  return walks;
}
