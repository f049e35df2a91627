// What all subjects serve and are asked for: the hot lists of many tenants, in one order.
import { createHash } from "node:crypto";

/** Lists of each tenant: one of each owner of accounts. */
const LISTS_PER_TENANT = 20;
/** A list of 100 rows is about 20 KB of JSON. */
export const ROWS_PER_LIST = 100;
export const TENANTS = 100;

export interface HotList {
  readonly tenant: string;
  readonly owner: number;
  /** Path and query. */
  readonly target: string;
  readonly authorization: string;
}

/** @param index from 0 */
export function tenantId(index: number): string {
  return `00000000-0000-4000-8000-${index.toString(16).padStart(12, "0")}`;
}

/** As long as a signed token of the usual size; that it is verified once and then looked up is the same in every subject. */
function bearerToken(tenant: string): string {
  return `Bearer ${createHash("sha512").update(tenant).digest("base64url").repeat(2)}`;
}

/** Whom a request with this `Authorization` is for: what a memoised verification of tokens comes to. */
export function tenantsByAuthorization(tenants: number): ReadonlyMap<string, string> {
  const ids = Array.from({ length: tenants }, (_, index) => tenantId(index));
  return new Map(ids.map((id) => [bearerToken(id), id]));
}

/** The tenants take turns, so that neighbours in the order are never of the same one. Default: 2,000 lists of 100 tenants. */
export function hotLists(tenants = TENANTS, lists = tenants * LISTS_PER_TENANT): readonly HotList[] {
  return Array.from({ length: lists }, (_, index) => {
    const tenant = tenantId(index % tenants);
    const owner = Math.floor(index / tenants) + 1;
    return { tenant, owner, target: listTarget(owner), authorization: bearerToken(tenant) };
  });
}

/** @param distinct makes a target that was never asked for, of the same list */
export function listTarget(owner: number, distinct?: number): string {
  const target = `/accounts?owner=${owner}&sort=-created_at&limit=${ROWS_PER_LIST}`;
  return distinct === undefined ? target : `${target}&distinct=${distinct}`;
}

/** What subjects read from the URL of a request. */
export function ownerOf(target: string): number {
  return Number(/[?&]owner=(\d+)/.exec(target)?.[1]);
}
