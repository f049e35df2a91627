// What a call of a function, an operator or a cast may read.
// Tests: test/integration/auto-statements.test.ts, test/integration/auto-property.test.ts
import { isPure } from "./builtins.js";
import type { OwnFunction } from "./catalogue-query.js";
import { settingOf, sourceOf } from "./conditions.js";
import type { Source } from "./reading.js";
import { type Place, type Run, type Scope, within } from "./statement-run.js";
import { listOf, namesOf, nodeOf, type Tree, treeOf } from "./syntax.js";

/** @param call of a `FuncCall`; its arguments are read elsewhere */
export function readCall(run: Run, call: Tree, scope: Scope, place: Place): void {
  const setting = settingOf(call);
  if (setting !== undefined) {
    run.settings.add(setting);
    return;
  }
  const names = namesOf(call.funcname);
  const name = names.at(-1) ?? "";
  const schema = names.length > 1 ? names.at(-2) : undefined;
  const args = listOf(call.args);
  const own = run.catalogue.functions(schema, name);
  const isBuiltin = schema === undefined || schema === "pg_catalog";
  const builtins = isBuiltin ? run.catalogue.builtins(name, args.length) : [];
  if (own.length === 0 && builtins.length === 0) run.refuse("unknown-function", names.join("."));
  if (!builtins.every(({ volatility }) => isPure(name, volatility)))
    run.refuse("changing-value", `${name}()`);
  const isPositional =
    call.func_variadic !== true && args.every((arg) => nodeOf(arg)?.[0] !== "NamedArgExpr");
  const sources = isPositional ? args.map((arg) => sourceOf(arg, scope, place)) : [];
  for (const each of own) readOwn(run, each, place, { sources, given: args.length });
}

/** `row.name` is a call of `name(row)` where the row has no such column. */
export function readAttribute(run: Run, name: string, place: Place): void {
  for (const own of run.catalogue.functions(undefined, name))
    if (own.isOfRow) readOwn(run, own, place, { sources: [], given: own.inputs });
}

/**
 * `id % 2` is none of the operators that take texts.
 *
 * @param operator as the tree has it
 */
export function readOperator(run: Run, operator: unknown, place: Place, { lexpr, rexpr }: Tree = {}): void {
  const name = namesOf(operator).at(-1) ?? "";
  for (const [, oid, , isLeftText, isRightText] of run.catalogue.operators(name))
    if (!(isLeftText && isNumber(lexpr)) && !(isRightText && isNumber(rexpr))) readById(run, oid, place);
}

function isNumber(value: unknown): boolean {
  const constant = treeOf(value, "A_Const");
  return constant?.ival !== undefined || constant?.fval !== undefined;
}

/** Casts that nobody has written, wherever types make them necessary. */
export function readImplicitCasts(run: Run, place: Place): void {
  for (const [oid, context] of run.catalogue.casts) if (context === "i") readById(run, oid, place);
}

/** @param type a `TypeName` */
export function readCast(run: Run, type: Tree | undefined, place: Place): void {
  const name = namesOf(type?.names).at(-1) ?? "";
  for (const [oid, , target] of run.catalogue.casts) if (target === name) readById(run, oid, place);
}

function readById(run: Run, oid: string, place: Place): void {
  const own = run.catalogue.functionById(oid);
  if (own) readOwn(run, own, place, { sources: [], given: own.inputs });
}

interface Given {
  readonly sources: readonly (Source | undefined)[];
  readonly given: number;
}

function readOwn(run: Run, own: OwnFunction, place: Place, { sources, given }: Given): void {
  if (!run.step(place)) return;
  const what = `${own.schema}.${own.name}`;
  // What stands in for an argument that is not given is an expression of its own.
  if (own.defaults > 0 && given < own.inputs)
    run.refuse("unknown-function", `${what}, and the defaults of its arguments`);
  if (own.parts.length > 0) {
    for (const part of own.parts) readById(run, part, place);
    return;
  }
  if (own.language !== "sql") {
    if (own.volatility !== "i") run.refuse("unknown-function", `${what}, in ${own.language}`);
    return;
  }
  const args = {
    functionName: own.name,
    names: own.argumentNames,
    sources,
    isPlain: (name: string) => run.catalogue.isPlainArgument(name),
  };
  run.calling(own.oid, what, () => readBody(run, own.body ?? "", what, within(place, args)));
}

/** `BEGIN ATOMIC … END` and `RETURN …` are parts of a CREATE FUNCTION; other bodies are statements. */
function readBody(run: Run, body: string, what: string, place: Place): void {
  const isPart = /^\s*(?:BEGIN\s+ATOMIC|RETURN)\b/i.test(body);
  const statements = isPart ? partsOf(run, body, what) : statementsOf(run, body, what);
  for (const each of statements) {
    const returned = treeOf(each, "ReturnStmt");
    if (returned) run.read.expressions(run, [returned.returnval], { items: [], outer: undefined }, place);
    else run.read.query(run, each, place);
  }
}

function partsOf(run: Run, body: string, what: string): readonly unknown[] {
  const created = run.parse(`CREATE FUNCTION f() RETURNS int LANGUAGE sql ${body}`, what);
  const part = created?.tree.sql_body;
  return treeOf(part, "List") ? flat(part) : part === undefined ? [] : [part];
}

/** A list of lists. */
function flat(value: unknown): unknown[] {
  const list = treeOf(value, "List");
  return list ? listOf(list.items).flatMap(flat) : [value];
}

function statementsOf(run: Run, body: string, what: string): readonly unknown[] {
  try {
    return run.syntax.parse(body).map(({ kind, tree }) => ({ [kind]: tree }));
  } catch {
    run.refuse("unknown-function", what);
    return [];
  }
}
