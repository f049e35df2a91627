// All key patterns of a cache in one place: two that could build the same key are refused when the second is defined.
import { TenantCacheError } from "../errors.js";
import { limitArguments } from "../options/arguments.js";
import { shown } from "../shown.js";
import { type KeyParams, KeyPattern } from "./key-pattern.js";

/** Builders of one domain's keys, by name. */
export type KeyBuilders<Patterns extends Readonly<Record<string, string>>> = {
  readonly [Name in keyof Patterns]: KeyPattern<ParamsOf<Patterns[Name]>>;
};

/** The gaps of a pattern, as the type of what fills them. */
export type ParamsOf<Text extends string> = Text extends `${string}{${infer Gap}}${infer Rest}`
  ? { readonly [Name in Gap]: string | number } & ParamsOf<Rest>
  : unknown extends Text
    ? KeyParams
    : // biome-ignore lint/complexity/noBannedTypes: nothing needs to be given, and intersections stay what they are
      {};

export class KeyRegistry {
  static {
    limitArguments(KeyRegistry, {
      pattern: [1, "a call for each pattern: pattern(text)"],
      define: [
        2,
        'all patterns of a domain in one object: define("users", { profile: "profile:{id}", all: "all" })',
      ],
      find: [1, "a call for each key: find(key)"],
      list: [1, "a call for each domain: list(domain)"],
    });
  }

  readonly #domains = new Map<string, KeyPattern[]>();

  /**
   * Defines one pattern.
   * @throws TenantCacheError `ETC_KEY_PATTERN`; `ETC_KEY_COLLISION` where it could build a key of an earlier
   *   one
   */
  pattern<P extends KeyParams>(text: string): KeyPattern<P> {
    const pattern = new KeyPattern<P>(text);
    const neighbours = this.#domains.get(pattern.domain) ?? [];
    const rival = neighbours.find((other) => other.overlaps(pattern as unknown as KeyPattern));
    if (rival) {
      throw new TenantCacheError(
        "ETC_KEY_COLLISION",
        `${text} could build the same key as ${rival.text}, which is defined already: put a part between that only one of them has`,
      );
    }
    this.#domains.set(pattern.domain, [...neighbours, pattern as unknown as KeyPattern]);
    return pattern;
  }

  /**
   * Defines the patterns of a domain: `define("users", { profile: "profile:{id}", all: "all-users" })`.
   * @throws TenantCacheError as {@link pattern} does
   */
  define<const Patterns extends Readonly<Record<string, string>>>(
    domain: string,
    patterns: Patterns,
  ): KeyBuilders<Patterns> {
    if (typeof patterns !== "object" || patterns === null) throw noPatterns(patterns);
    const defined = Object.entries(patterns).map(([name, rest]) => [name, this.pattern(`${domain}:${rest}`)]);
    return Object.fromEntries(defined) as KeyBuilders<Patterns>;
  }

  /** The pattern that a key belongs to. */
  find(key: string): KeyPattern | undefined {
    const end = key.indexOf(":");
    const patterns = this.#domains.get(end === -1 ? key : key.slice(0, end));
    return patterns?.find((pattern) => pattern.matches(key));
  }

  domains(): string[] {
    return [...this.#domains.keys()];
  }

  /** All patterns, or those of one domain. */
  list(domain?: string): readonly KeyPattern[] {
    if (domain !== undefined) return this.#domains.get(domain) ?? [];
    return [...this.#domains.values()].flat();
  }
}

function noPatterns(given: unknown): TenantCacheError {
  return new TenantCacheError(
    "ETC_KEY_PATTERN",
    `define: the patterns are ${shown(given)}: write define("users", { profile: "profile:{id}", all: "all" })`,
  );
}
