// What a request on a cached route resolves to: the entry that it names, or why it bypasses the cache.
import type { IncomingMessage } from "node:http";
import type { BypassReason } from "../cache-status.js";
import type { EntryRef } from "../engine/entry-ref.js";
import type { OwnHeaders } from "./own-headers.js";

/** What names an entry, and what its route says of answers made from it. */
export interface RouteRef extends EntryRef {
  readonly own: OwnHeaders;
}

export type Resolved = Found | { readonly bypass: BypassReason; readonly tenant: string | undefined };

/** The entry that answers a request, and whose view that is: empty for the tenant's. */
export interface Found {
  readonly ref: RouteRef;
  readonly scope: string;
  /** What remembering it keeps alive, without what other requests share. */
  readonly characters: number;
}

/** The requests of one route. */
export interface RequestsOfRoute {
  /** Whether more decides what a request names than its method, URL, caller and the headers of `vary`. */
  readonly areOpaque: boolean;
  /** The values of the headers that the route varies by. */
  varyOf(req: IncomingMessage): readonly string[];
}
