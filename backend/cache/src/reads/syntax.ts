// PostgreSQL's own grammar, from an optional package; and how its trees are looked at.
// Tests: test/integration/auto-statements.test.ts, test/package/bundlers.test.ts
import { TenantCacheError } from "../errors.js";
import { type Grammar, loadGrammar } from "../peers.js";
import { messageOf } from "../thrown.js";

/** A part of a tree, as JSON: a node is an object with one key, its kind. */
export type Tree = Readonly<Record<string, unknown>>;

export interface Statement {
  readonly kind: string;
  readonly tree: Tree;
}

export class Syntax {
  readonly #grammar: Grammar;
  #isLoaded = false;
  readonly loaded: Promise<void>;

  /** @throws TenantCacheError `ETC_LIBPG_QUERY` */
  constructor() {
    this.#grammar = loadGrammar();
    this.loaded = this.#grammar.loadModule().then(
      () => {
        this.#isLoaded = true;
      },
      (cause: unknown) => {
        throw withoutWebAssembly(cause);
      },
    );
    // Whoever waits for it learns of it, and all others find that it is not loaded.
    this.loaded.catch(() => undefined);
  }

  /** Throws what the grammar says of a text that is none; where the grammar is not loaded, too. */
  parse(text: string): Statement[] {
    if (!this.#isLoaded) throw new Error("the grammar is not loaded yet");
    const { stmts = [] } = this.#grammar.parseSync(text);
    return stmts.map(({ stmt }) => {
      const [kind, tree] = nodeOf(stmt) ?? ["nothing", {}];
      return { kind, tree };
    });
  }
}

/** Its JavaScript is there, and what lies beside that is not: so it is in a bundle. */
function withoutWebAssembly(cause: unknown): TenantCacheError {
  const advice = "leave libpg-query out of the bundle, as external, and install it beside that";
  const said = `libpg-query cannot load its WebAssembly (${messageOf(cause)}): ${advice}`;
  return new TenantCacheError("ETC_LIBPG_QUERY", said, { cause });
}

/** The node's kind and what it holds; `undefined` where it is no node. */
export function nodeOf(value: unknown): readonly [kind: string, tree: Tree] | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const [first, ...more] = Object.entries(value);
  if (!first || more.length > 0 || !/^[A-Z]/.test(first[0])) return undefined;
  return [first[0], (first[1] ?? {}) as Tree];
}

/** What it holds, where it is of this kind. */
export function treeOf(value: unknown, kind: string): Tree | undefined {
  const node = nodeOf(value);
  return node?.[0] === kind ? node[1] : undefined;
}

export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** The texts of a list of names; a star is `*`. */
export function namesOf(value: unknown): string[] {
  return listOf(value).map((each) => {
    const text = treeOf(each, "String");
    return text ? String(text.sval ?? "") : "*";
  });
}

/** Whether they mean what PostgreSQL itself has by this name. */
export function isBuiltin(names: readonly string[], name: string): boolean {
  return names.at(-1) === name && (names.length === 1 || names[0] === "pg_catalog");
}

/** `SELECT …` of expressions, and nothing else. */
export function isBareSelect(tree: Tree): boolean {
  return Object.keys(tree).every((part) => /^(?:targetList|limitOption|op)$/.test(part));
}

/** A constant's text, where it is one. */
export function constantOf(value: unknown): string | undefined {
  const tree = treeOf(value, "A_Const");
  if (!tree) return undefined;
  const text = tree.sval as Tree | undefined;
  if (text) return String(text.sval ?? "");
  const integer = tree.ival as Tree | undefined;
  return integer ? String(integer.ival ?? 0) : undefined;
}
