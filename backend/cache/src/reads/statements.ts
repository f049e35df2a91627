// From the text of a statement to what is concluded of it: read once, and kept while the catalogue is the same.
// Tests: test/integration/auto-statements.test.ts, test/integration/auto-hidden.test.ts
import { BoundedMap } from "../bounded-map.js";
import { messageOf } from "../thrown.js";
import type { Catalogue } from "./catalogue.js";
import { sourceOf } from "./conditions.js";
import { readExpressions } from "./expressions.js";
import { readImplicitCasts } from "./functions.js";
import { type Reading, type Source, unread } from "./reading.js";
import { readQuery } from "./select-reader.js";
import { OUTSIDE, type Readers, Run } from "./statement-run.js";
import {
  constantOf,
  isBareSelect,
  isBuiltin,
  listOf,
  namesOf,
  type Statement,
  type Syntax,
  type Tree,
  treeOf,
} from "./syntax.js";

const MOST_CHARACTERS = 64 * 1024;
const KEPT = {
  maxCharacters: 4 * 1024 * 1024,
  maxEntryCharacters: MOST_CHARACTERS,
  maxEntries: 1000,
} as const;

/** One of the statements of a text. */
export type Step =
  | { readonly does: "read"; readonly reading: Reading }
  /** A setting of the app's own. */
  | { readonly does: "set"; readonly name: string; readonly source: Source; readonly isLocal: boolean }
  | { readonly does: "forget-settings" }
  | { readonly does: "nothing" };

const NOTHING: Step = { does: "nothing" };
const FORGETS: Step = { does: "forget-settings" };
const OF_ANOTHER_SNAPSHOT: Step = {
  does: "read",
  reading: unread("early-transaction", "SET TRANSACTION SNAPSHOT"),
};
const READERS: Readers = { query: readQuery, expressions: readExpressions };
const NOWHERE = { items: [], outer: undefined };

export class Statements {
  readonly #catalogue: Catalogue;
  readonly #syntax: Syntax;
  readonly #known = new BoundedMap<readonly Step[]>(KEPT);

  constructor(catalogue: Catalogue, syntax: Syntax) {
    this.#catalogue = catalogue;
    this.#syntax = syntax;
  }

  /** Never throws. */
  stepsOf(text: string): readonly Step[] {
    const known = this.#known.get(text);
    if (known) return known;
    const steps = this.#read(text);
    this.#known.set(text, steps);
    return steps;
  }

  #read(text: string): readonly Step[] {
    const unknown = (what: string): readonly Step[] => [
      { does: "read", reading: unread("unknown-statement", what) },
    ];
    if (text.length > MOST_CHARACTERS) return unknown("longer than is looked at");
    try {
      return this.#syntax.parse(text).flatMap((each) => this.#stepsOf(each));
    } catch (error) {
      return unknown(messageOf(error));
    }
  }

  #stepsOf({ kind, tree }: Statement): readonly Step[] {
    if (kind === "SelectStmt") return settingsOf(tree) ?? [this.#reading(tree)];
    // What was set is as it was before.
    if (kind === "TransactionStmt") return [/ROLLBACK/.test(String(tree.kind)) ? FORGETS : NOTHING];
    if (kind === "VariableSetStmt")
      return [tree.name === "TRANSACTION SNAPSHOT" ? OF_ANOTHER_SNAPSHOT : stepOfSet(tree)];
    if (kind === "DeallocateStmt" || kind === "ConstraintsSetStmt") return [NOTHING];
    const isWrite = /^(?:Insert|Update|Delete|Merge|Truncate|Call)/.test(kind);
    return [{ does: "read", reading: unread(isWrite ? "writing" : "unknown-statement", kind) }];
  }

  #reading(tree: Tree): Step {
    const run = new Run(READERS, this.#catalogue, this.#syntax);
    readImplicitCasts(run, OUTSIDE);
    run.read.query(run, { SelectStmt: tree }, OUTSIDE);
    const { modules, tables, problem, settings } = run;
    const rows = this.#catalogue.isShadowed
      ? run.rows.map((each) => ({ ...each, equals: [], as: [] }))
      : run.rows;
    return { does: "read", reading: { modules, tables, problem, settings, rows } };
  }
}

/** `SELECT set_config('app.tenant', $1, true)`, and nothing else. */
function settingsOf(tree: Tree): readonly Step[] | undefined {
  if (!isBareSelect(tree)) return undefined;
  const steps = listOf(tree.targetList).map((target) =>
    settingCall(treeOf(treeOf(target, "ResTarget")?.val, "FuncCall")),
  );
  return steps.length > 0 && steps.every((step) => step !== undefined) ? (steps as Step[]) : undefined;
}

function settingCall(call: Tree | undefined): Step | undefined {
  if (!call || !isBuiltin(namesOf(call.funcname), "set_config")) return undefined;
  const [first, second, third] = listOf(call.args);
  const name = constantOf(first)?.toLowerCase();
  const source = sourceOf(second, NOWHERE, OUTSIDE);
  const isLocal = booleanOf(third);
  if (!name?.includes(".") || !source || source.from === "setting" || isLocal === undefined) return undefined;
  return { does: "set", name, source, isLocal };
}

function booleanOf(value: unknown): boolean | undefined {
  const tree = treeOf(value, "A_Const") ?? treeOf(treeOf(value, "TypeCast")?.arg, "A_Const");
  if (tree?.boolval) return (tree.boolval as Tree).boolval === true;
  const text = (tree?.sval as Tree | undefined)?.sval;
  return text === "t" || text === "true" ? true : text === "f" || text === "false" ? false : undefined;
}

/** What is not the app's own (`TimeZone`, `search_path`) is no part of what is concluded. */
function stepOfSet(tree: Tree): Step {
  const name = String(tree.name ?? "").toLowerCase();
  if (tree.kind !== "VAR_SET_VALUE") return FORGETS;
  if (!name.includes(".")) return NOTHING;
  const [value, ...more] = listOf(tree.args);
  const text = constantOf(value);
  if (text === undefined || more.length > 0) return FORGETS;
  return { does: "set", name, source: { from: "text", text }, isLocal: tree.is_local === true };
}
