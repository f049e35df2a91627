// One URL of a tenant is forgotten without a fence of its own, which each hit would have to read: its mark is written behind the tenant's fence.
// Tests: test/integration/clear.test.ts, test/unit/forgotten-urls.test.ts
//
// A fence with marks is `token.ms~mark~mark`. To whoever compares texts it is another fence, so that fills under
// way are not stored, and nobody follows them. An entry that carries the fence as it was before is looked at
// once more: it is still valid if the marks that were added since do not name its URL. So nothing else of the
// tenant is lost, and a hit costs what it did. Where the marks grow too many, the fence is replaced.
import { hash } from "node:crypto";
import { inOneSpelling } from "../url-parts.js";

const MARK = "~";
const DIGEST_CHARACTERS = 8;
/** Some forty URLs: fences are read with every hit. */
export const MAX_MARKED_FENCE_CHARACTERS = 512;

/**
 * @param query in canonical form; absent where all queries of the path are meant
 */
export function markOf(path: string, query?: unknown): string {
  return MARK + digestOfPath(path) + (query === undefined ? "" : digest(JSON.stringify(query)));
}

/** The entry's fences with the marks that were added since, where none of them names it; else as they were. */
export function rebased(identity: string, joined: string, seen: string): string {
  const [, carried = ""] = joined.split(",", 2);
  const [, current = ""] = seen.split(",", 2);
  const added = current.slice(carried.length);
  if (carried === "" || !added.startsWith(MARK) || !current.startsWith(carried)) return joined;
  if (isNamed(identity, added.split(MARK).slice(1))) return joined;
  const start = joined.indexOf(",") + 1;
  return joined.slice(0, start) + current + joined.slice(start + carried.length);
}

/** Values of the toolkit have no URL. */
function isNamed(identity: string, marks: readonly string[]): boolean {
  const params = /^\S+ \S+ (\[.*\])$/s.exec(identity)?.[1];
  if (params === undefined) return false;
  const [, path, query, , , , , askedFor] = JSON.parse(params) as Params;
  return isUrlNamed([path, query], marks) || (askedFor !== undefined && isUrlNamed(askedFor, marks));
}

type Url = readonly [path: string, query: unknown];
/** As `request-key.ts` writes them. */
type Params = [
  string,
  ...Url,
  scope: string,
  vary: unknown,
  varied?: string,
  content?: string,
  askedFor?: Url,
];

function isUrlNamed([path, query]: Url, marks: readonly string[]): boolean {
  const ofPath = digestOfPath(path);
  // Where the route says how it understands its queries, the text of one tells nothing.
  const ofQuery = Array.isArray(query) ? digest(JSON.stringify(query)) : undefined;
  return marks.some((mark) => {
    if (mark.slice(0, DIGEST_CHARACTERS) !== ofPath) return false;
    const wanted = mark.slice(DIGEST_CHARACTERS);
    return wanted === "" || ofQuery === undefined || wanted === ofQuery;
  });
}

function digestOfPath(path: string): string {
  return digest(inOneSpelling(path));
}

function digest(text: string): string {
  return hash("sha256", text, "base64url").slice(0, DIGEST_CHARACTERS);
}
