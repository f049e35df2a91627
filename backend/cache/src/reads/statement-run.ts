// One statement that is being read: what has been found so far, and what names mean where one is.
// Tests: test/integration/auto-statements.test.ts
import type { UnreadReason } from "../cache-status.js";
import type { Catalogue } from "./catalogue.js";
import type { Problem, Reading, Rows, Source } from "./reading.js";
import type { Syntax, Tree } from "./syntax.js";

/** A definition that is read again for each place that names it may be large. */
const MOST_STEPS = 20_000;
const MOST_DEPTH = 40;

/** What a query passes on: the columns that hold a tenant, by name, and in their order where that is known. */
export interface Output {
  readonly columns: ReadonlyMap<string, readonly Rows[]>;
  readonly list: readonly { readonly name: string; readonly rows: readonly Rows[] }[] | undefined;
}

/** Files that need each other without importing in circles. */
export interface Readers {
  query(run: Run, query: unknown, place: Place): Output;
  expressions(run: Run, parts: readonly unknown[], scope: Scope, place: Place): void;
}

export class Run implements Reading {
  readonly read: Readers;
  readonly catalogue: Catalogue;
  readonly syntax: Syntax;
  readonly modules = new Set<string>();
  readonly tables = new Set<string>();
  readonly settings = new Set<string>();
  readonly rows: Rows[] = [];
  problem: Problem | undefined;
  #steps = 0;
  readonly #calling = new Set<string>();
  readonly #repeated = new Set<string>();

  constructor(read: Readers, catalogue: Catalogue, syntax: Syntax) {
    this.read = read;
    this.catalogue = catalogue;
    this.syntax = syntax;
  }

  /** The first that is found is told. */
  refuse(why: UnreadReason, what: string): void {
    this.problem ??= { why, what };
  }

  /** Whether one may go on. */
  step(place: Place): boolean {
    if (++this.#steps <= MOST_STEPS && place.depth <= MOST_DEPTH) return this.problem === undefined;
    this.refuse("unknown-statement", "more than is looked at");
    return false;
  }

  /**
   * Reads a function's body, which may call itself, or one of the same name that is meant by no call: then its reads are found already, unless
   * they are those of some tenant, which the next call may name another of.
   */
  calling(oid: string, what: string, read: () => void): void {
    if (this.#calling.has(oid)) {
      this.#repeated.add(oid);
      return;
    }
    this.#calling.add(oid);
    const before = this.rows.length;
    read();
    this.#calling.delete(oid);
    if (this.#repeated.has(oid) && this.rows.length > before)
      this.refuse("unknown-function", `${what}, which calls itself`);
  }

  /** The only statement of a definition; `undefined` where there is a problem. */
  parse(text: string, what: string): { readonly kind: string; readonly tree: Tree } | undefined {
    try {
      const [statement, ...more] = this.syntax.parse(text);
      if (statement && more.length === 0) return statement;
    } catch {
      // Another version's grammar.
    }
    this.refuse("unknown-statement", what);
    return undefined;
  }
}

/** Something in a FROM. */
export interface Item {
  /** `undefined`: nothing can name it. */
  readonly name: string | undefined;
  /** Columns that hold a tenant, and whose. */
  readonly columns: ReadonlyMap<string, readonly Rows[]>;
  /** Whether nothing but columns of relations can be meant by a name. */
  readonly isRelation: boolean;
}

export interface Scope {
  readonly items: readonly Item[];
  readonly outer: Scope | undefined;
}

export interface Cte {
  readonly query: unknown;
  readonly place: Place;
  /** Whether it gives its columns names of its own. */
  readonly isRenamed: boolean;
}

/** Of a function that is being read: what its arguments are. */
export interface Arguments {
  readonly functionName: string;
  readonly names: readonly string[];
  readonly sources: readonly (Source | undefined)[];
  /** Whether no column has this name. */
  isPlain(name: string): boolean;
}

/** Where a part of a statement stands. */
export interface Place {
  /** Absent value: it has been read, and nothing is known of its columns. */
  readonly ctes: ReadonlyMap<string, Cte | undefined>;
  readonly outer: Scope | undefined;
  readonly args: Arguments | undefined;
  /** Whether it is in the statement itself: in a definition, row security may apply to another user. */
  readonly isDirect: boolean;
  readonly depth: number;
}

export const OUTSIDE: Place = {
  ctes: new Map(),
  outer: undefined,
  args: undefined,
  isDirect: true,
  depth: 0,
};

/** In a definition nothing of the statement is seen. */
export function within({ depth }: Place, args?: Arguments): Place {
  return { ...OUTSIDE, args, isDirect: false, depth: depth + 1 };
}

export function deeper(place: Place, outer: Scope | undefined): Place {
  return { ...place, outer, depth: place.depth + 1 };
}
