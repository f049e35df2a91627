// Conditions that are joined by AND: which columns of tenants they tie to a value, or to each other.
// Tests: test/integration/auto-statements.test.ts, test/integration/auto-row-security.test.ts
import type { Rows, Source } from "./reading.js";
import type { Place, Run, Scope } from "./statement-run.js";
import { constantOf, isBareSelect, isBuiltin, listOf, namesOf, nodeOf, type Tree, treeOf } from "./syntax.js";

/** @param matters rows that matter only where the conditions hold */
export function readConditions(
  run: Run,
  condition: unknown,
  scope: Scope,
  place: Place,
  matters: ReadonlySet<Rows>,
): void {
  const and = treeOf(condition, "BoolExpr");
  if (and) {
    if (and.boolop === "AND_EXPR")
      for (const each of listOf(and.args)) readConditions(run, each, scope, place, matters);
    return;
  }
  const pair = equalityOf(condition);
  if (!pair) return;
  const [left, right] = pair;
  tie(left, right, scope, place, matters);
  tie(right, left, scope, place, matters);
}

function tie(column: unknown, value: unknown, scope: Scope, place: Place, matters: ReadonlySet<Rows>): void {
  const rows = rowsOfColumn(column, scope).filter((each) => matters.has(each));
  if (rows.length === 0) return;
  const source = sourceOf(value, scope, place);
  const [other, ...more] = rowsOfColumn(value, scope);
  for (const each of rows) {
    if (source) each.equals.push(source);
    else if (other && more.length === 0 && other.comparison === each.comparison) each.as.push(other);
  }
}

/** Both sides of `=`, or of IN with one element. */
function equalityOf(condition: unknown): readonly [unknown, unknown] | undefined {
  const tree = treeOf(condition, "A_Expr");
  if (!tree || !isEquals(tree.name)) return undefined;
  if (tree.kind === "AEXPR_OP") return [tree.lexpr, tree.rexpr];
  if (tree.kind !== "AEXPR_IN") return undefined;
  const [element, ...more] = listOf(treeOf(tree.rexpr, "List")?.items);
  return more.length === 0 ? [tree.lexpr, element] : undefined;
}

function isEquals(name: unknown): boolean {
  return isBuiltin(namesOf(name), "=");
}

function rowsOfColumn(value: unknown, scope: Scope): readonly Rows[] {
  const column = treeOf(value, "ColumnRef");
  if (column) return rowsNamed(scope, namesOf(column.fields));
  // The text of a value is what is compared with the tenant's id.
  const cast = treeOf(value, "TypeCast");
  const inner = cast && isPlainType(cast, ["text"]) ? treeOf(cast.arg, "ColumnRef") : undefined;
  return inner ? rowsNamed(scope, namesOf(inner.fields)) : [];
}

/** Whose tenants a column holds; empty where it is not known to hold any. */
export function rowsNamed(scope: Scope, fields: readonly string[]): readonly Rows[] {
  const column = fields.at(-1) ?? "";
  // One of an outer query could be meant as well where no item here is known to have it.
  if (fields.length === 1) return scope.items.flatMap(({ columns }) => columns.get(column) ?? []);
  const qualifier = fields.at(-2);
  for (let at: Scope | undefined = scope; at; at = at.outer) {
    const named = at.items.filter(({ name }) => name === qualifier);
    if (named.length === 1) return named[0]?.columns.get(column) ?? [];
    if (named.length > 1) return [];
  }
  return [];
}

const TEXTS = ["text", "varchar", "uuid", "int2", "int4", "int8"];

function isPlainType(cast: Tree, types: readonly string[]): boolean {
  const type = cast.typeName as Tree | undefined;
  if (!type || type.arrayBounds !== undefined || type.typmods !== undefined || type.setof !== undefined)
    return false;
  const names = namesOf(type.names);
  const isBuiltin = names.length === 1 || (names.length === 2 && names[0] === "pg_catalog");
  return isBuiltin && types.includes(names.at(-1) ?? "");
}

/** Where a value comes from, if it is one of the statement's own, or a setting. */
export function sourceOf(value: unknown, scope: Scope, place: Place): Source | undefined {
  const [kind, tree] = nodeOf(value) ?? ["", {} as Tree];
  const text = constantOf(value);
  if (text !== undefined) return { from: "text", text };
  if (kind === "TypeCast") return isPlainType(tree, TEXTS) ? sourceOf(tree.arg, scope, place) : undefined;
  if (kind === "ParamRef") {
    const number = Number(tree.number ?? 0);
    return place.args ? place.args.sources[number - 1] : { from: "value", place: number - 1 };
  }
  if (kind === "ColumnRef") return place.args && sourceOfArgument(namesOf(tree.fields), scope, place);
  if (kind === "FuncCall") {
    const name = settingOf(tree);
    return name === undefined ? undefined : { from: "setting", name };
  }
  // `NULLIF(current_setting('app.tenant', true), '')` is no row's tenant where it is NULL.
  if (kind === "A_Expr" && tree.kind === "AEXPR_NULLIF") return sourceOf(tree.lexpr, scope, place);
  if (kind === "SubLink" && tree.subLinkType === "EXPR_SUBLINK")
    return sourceOfQuery(tree.subselect, scope, place);
  return undefined;
}

/** `(SELECT current_setting('app.tenant'))`, as policies are written to be evaluated once. */
function sourceOfQuery(query: unknown, scope: Scope, place: Place): Source | undefined {
  const select = treeOf(query, "SelectStmt");
  if (!select || !isBareSelect(select)) return undefined;
  const [target, ...more] = listOf(select.targetList);
  return more.length === 0 ? sourceOf(treeOf(target, "ResTarget")?.val, scope, place) : undefined;
}

/** In the body of a function a column goes before an argument of the same name. */
function sourceOfArgument(fields: readonly string[], scope: Scope, place: Place): Source | undefined {
  const { args } = place;
  if (!args) return undefined;
  const [first = "", second] = fields;
  if (fields.length === 2) {
    const isShadowed = scope.items.some(({ name }) => name === first);
    return first === args.functionName && !isShadowed
      ? args.sources[args.names.indexOf(second ?? "")]
      : undefined;
  }
  const isPlain = args.isPlain(first) && areRelations(scope);
  return fields.length === 1 && isPlain ? args.sources[args.names.indexOf(first)] : undefined;
}

function areRelations(scope: Scope): boolean {
  return scope.items.every(({ isRelation }) => isRelation) && (!scope.outer || areRelations(scope.outer));
}

/** The name of a setting of the app's own that is asked for. */
export function settingOf(call: Tree): string | undefined {
  const isCall = isBuiltin(namesOf(call.funcname), "current_setting");
  const [given] = listOf(call.args);
  // Definitions are written with the types of their constants.
  const name = isCall ? (constantOf(given) ?? constantOf(treeOf(given, "TypeCast")?.arg)) : undefined;
  return name?.includes(".") ? name.toLowerCase() : undefined;
}
