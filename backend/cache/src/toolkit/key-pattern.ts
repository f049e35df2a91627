// A key with gaps, such as `users:profile:{id}`: builds keys, and knows its own again.
// Tests: test/unit/key-registry.test.ts
import { TenantCacheError } from "../errors.js";
import { limitArguments, strayMember } from "../options/arguments.js";
import { shown } from "../shown.js";
import { domainOf, isPartText } from "./key-syntax.js";

/** What fills the gaps of a pattern. */
export type KeyParams = Readonly<Record<string, string | number>>;

const GAP = /^\{([A-Za-z]\w*)\}$/;
const LITERAL = /^[A-Za-z0-9._@%+-]+$/;

export class KeyPattern<P extends KeyParams = KeyParams> {
  static {
    limitArguments(KeyPattern, {
      key: [1, "a call for each key: key(params)"],
      match: [1, "all gaps in one object: match({ id: 42 })"],
    });
  }

  readonly text: string;
  readonly domain: string;
  /** Names of the gaps, in order. */
  readonly params: readonly string[];
  readonly #parts: readonly (string | { readonly gap: string })[];

  /** @throws TenantCacheError `ETC_KEY_PATTERN` */
  constructor(text: string) {
    if (typeof text !== "string") throw malformed(text);
    this.text = text;
    this.#parts = text.split(":").map((part) => {
      const gap = GAP.exec(part)?.[1];
      if (gap !== undefined) return { gap };
      if (LITERAL.test(part)) return part;
      throw malformed(text);
    });
    const [domain] = this.#parts;
    if (typeof domain !== "string") throw malformed(text);
    try {
      this.domain = domainOf(domain);
    } catch {
      throw malformed(text);
    }
    this.params = this.#parts.flatMap((part) => (typeof part === "string" ? [] : [part.gap]));
    if (new Set(this.params).size < this.params.length) throw malformed(text);
  }

  /** Whether it is one key: it has no gaps. */
  get isSingle(): boolean {
    return this.params.length === 0;
  }

  /**
   * The key with its gaps filled. What would be read as a separator in a value is percent-encoded.
   * @throws TenantCacheError `ETC_KEY` where a value is missing or empty, or has no gap: two keys that it should
   *   tell apart would be one
   */
  key(params: P): string {
    this.#refuseOthers(Object(params));
    return this.#parts
      .map((part) => (typeof part === "string" ? part : this.#fill(part.gap, params)))
      .join(":");
  }

  /**
   * For `deletePattern`: gaps that are not given match anything.
   * @throws TenantCacheError `ETC_KEY` where a value is missing or empty, or has no gap: leaving it out would
   *   match more
   */
  match(params: Partial<P> = {}): string {
    this.#refuseOthers(params);
    const isGiven = (gap: string) => Object.hasOwn(params, gap);
    return this.#parts
      .map((part) => {
        if (typeof part === "string") return part;
        return isGiven(part.gap) ? this.#fill(part.gap, params) : "*";
      })
      .join(":");
  }

  /** Whether the key could have been built from this pattern. */
  matches(key: string): boolean {
    const parts = key.split(":");
    return (
      parts.length === this.#parts.length &&
      this.#parts.every((part, index) => typeof part !== "string" || part === parts[index])
    );
  }

  /** Whether some key could have been built from both. */
  overlaps(other: KeyPattern): boolean {
    return (
      this.#parts.length === other.#parts.length &&
      this.#parts.every((part, index) => {
        const theirs = other.#parts[index];
        return typeof part !== "string" || typeof theirs !== "string" || part === theirs;
      })
    );
  }

  #fill(gap: string, params: Partial<P>): string {
    const value: unknown = Object(params)[gap];
    if (typeof value === "number" && Number.isFinite(value)) return String(value);
    // An asterisk would be a wildcard in `match`.
    if (isPartText(value)) return encodeURIComponent(value).replaceAll("*", "%2A");
    throw new TenantCacheError(
      "ETC_KEY",
      `${this.text}: ${gap} is ${shown(value)}: write a number or a string of Unicode that is not empty`,
    );
  }

  #refuseOthers(params: Partial<P>): void {
    const isObject = typeof params === "object" && params !== null;
    const other = isObject ? strayMember(params, this.params) : String(params);
    if (other === undefined) return;
    throw new TenantCacheError(
      "ETC_KEY",
      `${this.text} has no gap ${JSON.stringify(other)}: write an object of ${this.params.join(", ") || "nothing"}`,
    );
  }
}

function malformed(text: unknown): TenantCacheError {
  return new TenantCacheError(
    "ETC_KEY_PATTERN",
    `the key pattern is ${shown(text)}: write parts joined by ":", the first a lower-case word, each a word or a gap of its own name, as in "users:profile:{id}"`,
  );
}
