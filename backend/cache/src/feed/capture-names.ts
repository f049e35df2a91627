// Names and bounds that the feed's SQL shares.
// Tests: test/integration/feed-capture.test.ts
import { hash } from "node:crypto";
import type { CoveredTable } from "./feed-options.js";

export const PLACES = 8;
/** Nobody drains: writers note no more. */
export const FULL_BYTES = 4 * 1024 * 1024;
/** One statement in so many looks at the place's size: the look costs a third of all the rest. */
export const SIZE_EACH = 64;
/** Longer ones are no ids of tenants or tags: the library bypasses them. */
export const MAX_NAME = 128;
/** What a `SECURITY DEFINER` function finds by name is what it means. */
export const DEFINER = "SECURITY DEFINER SET search_path = pg_catalog, pg_temp";

/** What the drain listens to. */
export const channelOf = (schema: string): string => `${schema}_changed`;

export const identifier = (name: string): string => `"${name.replaceAll('"', '""')}"`;
export const literal = (text: string): string =>
  `${text.includes("\\") ? " E" : ""}'${text.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`;

/** The name of the function that notes a table's changes. */
export function captureName({ name }: CoveredTable): string {
  return `capture_${hash("sha256", name).slice(0, 12)}`;
}
