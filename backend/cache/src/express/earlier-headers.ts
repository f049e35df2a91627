// What earlier middleware has said of an answer, marked while the handler runs: a handler that says the same again is seen.
// Tests: test/integration/earlier-headers.test.ts, test/integration/failed-revalidations.test.ts
import { type OutgoingHttpHeader, type OutgoingHttpHeaders, ServerResponse } from "node:http";
import type { Response } from "express";
import { membersOf, mergeVary, spelledNames } from "./recorded-headers.js";

/** They have rules of their own, which see also who names them again: see `storability.ts`. */
const NAMED_BY_MANY = ["accept-encoding", "origin", "*"];

/**
 * What decides whether an answer is stored, or says what its body is. Other headers that are said twice with
 * the same value (an id of the request, an allowed origin) belong to the request: hits have what the
 * middleware in front says there.
 */
const MARKED = [
  "cache-control",
  "expires",
  "content-type",
  "content-language",
  "content-disposition",
  "content-location",
];

/**
 * While the handler runs, two things of the response's head are not as earlier middleware has left them:
 *
 * - Names in Vary are out of it, until {@link EarlierHeaders.restore}. A handler that names one of them is seen.
 * - The headers of {@link MARKED} have another spelling, until {@link EarlierHeaders.unmark}. Whoever sets one
 *   again replaces it. Whoever reads them sees no difference: names of fields have no case (RFC 9110 section 5.1).
 */
export class EarlierHeaders {
  readonly #res: Response;
  readonly #before: OutgoingHttpHeaders;
  readonly #vary: string;
  /** Names as earlier middleware has spelled them, by what they are spelled like meanwhile. Most responses have none. */
  #spellings: ReadonlyMap<string, string> | undefined;

  /**
   * @param before as `headersBefore` gives them; changed with the response
   * @param declared names in Vary which the handler may name
   */
  constructor(res: Response, before: OutgoingHttpHeaders, declared: readonly string[]) {
    this.#res = res;
    this.#before = before;
    this.#vary = res.headersSent ? "" : hideVary(res, before, declared);
    // HTTP/2's response knows no spellings.
    if (res.headersSent || !(res instanceof ServerResponse)) return;
    if (MARKED.some((name) => before[name] !== undefined)) this.#spellings = mark(res);
  }

  /** Before the head is judged: what the handler has said again is its own, and no longer in `before`. */
  unmark(): void {
    const spellings = this.#spellings;
    if (!spellings) return;
    this.#spellings = undefined;
    const res = this.#res;
    for (const name of spelledNames(res)) {
      const lower = name.toLowerCase();
      const spelling = spellings.get(name);
      if (spelling !== undefined) spell(res, name, spelling);
      else if (spellings.has(markOf(lower))) delete this.#before[lower];
    }
  }

  /** Behind that: the head is in order, and Vary has its names again. */
  restore(): void {
    this.unmark();
    mergeVary(this.#res, this.#vary);
  }
}

function mark(res: Response): ReadonlyMap<string, string> {
  const spellings = new Map<string, string>();
  for (const name of spelledNames(res)) {
    if (!MARKED.includes(name.toLowerCase())) continue;
    // Where another recorder is around this one, it is marked already.
    const mark = markOf(name.toLowerCase());
    if (name !== mark) spell(res, name, mark);
    spellings.set(mark, name);
  }
  // Another runtime's response may forget spellings: it would look as if all had been set again.
  const known = new Set(spelledNames(res));
  return new Map([...spellings].filter(([mark]) => known.has(mark)));
}

/** By Node's own method: whoever has put one in its place, to see what is set, sees nothing here. */
function spell(res: Response, name: string, spelling: string): void {
  ServerResponse.prototype.setHeader.call(res, spelling, res.getHeader(name) as OutgoingHttpHeader);
}

/** A spelling that nobody uses. @param lower a name in lower case */
function markOf(lower: string): string {
  return lower.charAt(0) + lower.slice(1).toUpperCase();
}

/**
 * Takes the names out of Vary that a handler could name once more, and nobody would see it.
 *
 * @returns the names, as Vary has them; empty where there are none
 */
function hideVary(res: Response, before: OutgoingHttpHeaders, declared: readonly string[]): string {
  const names = membersOf(before.vary);
  const isHidden = (name: string) =>
    !NAMED_BY_MANY.includes(name.toLowerCase()) && !declared.includes(name.toLowerCase());
  const hidden = names.filter(isHidden);
  if (hidden.length === 0) return "";
  const left = names.filter((name) => !isHidden(name)).join(", ");
  if (left === "") res.removeHeader("Vary");
  else res.setHeader("Vary", left);
  before.vary = left === "" ? undefined : left;
  return hidden.join(", ");
}
