// Pages of lists: how far a cursor has come, and what a page may hold.
// Tests: test/unit/overlay-values.test.ts
import { HttpProblem } from "../../../http/problem.js";

export const DEFAULT_PAGE = 50;
export const MAX_PAGE = 100;

export interface PageRequest {
  /** 1 to 100. Default 50. */
  readonly limit?: number | undefined;
  /** `next_cursor` of the page before. Default: from the newest on. */
  readonly cursor?: string | undefined;
}

export interface Page<T> {
  /** The newest first. */
  readonly items: readonly T[];
  /** Absent on the last page. */
  readonly next_cursor?: string;
}

/** A place in a list: what comes after it is older. */
export interface Place {
  readonly at: string;
  readonly id: string;
}

export function cursorOf({ at, id }: Place): string {
  return Buffer.from(JSON.stringify([at, id])).toString("base64url");
}

/** @throws HttpProblem 400 where it is no cursor of this API */
export function placeOf(cursor: string | undefined): Place | undefined {
  if (cursor === undefined) return undefined;
  try {
    const [at, id, ...others] = JSON.parse(Buffer.from(cursor, "base64url").toString()) as unknown[];
    if (typeof at === "string" && typeof id === "string" && others.length === 0) {
      if (new Date(at).toISOString() === at) return { at, id };
    }
  } catch {
    // What is said below holds for all of it.
  }
  const errors = [{ pointer: "#/cursor", message: "must be the next_cursor of another page" }];
  throw new HttpProblem(400, { detail: "The query is not valid: see errors.", errors });
}

export const limitOf = ({ limit = DEFAULT_PAGE }: PageRequest): number =>
  Math.max(1, Math.min(MAX_PAGE, Math.floor(limit)));

/** Whether `other` comes after `place` in a list, the newest first. */
export function isAfter(other: Place, place: Place): boolean {
  return other.at < place.at || (other.at === place.at && other.id < place.id);
}
