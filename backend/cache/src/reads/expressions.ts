// Reads expressions: every node must be one that is known, and of some it matters what they name.
// Tests: test/integration/auto-statements.test.ts
import { isMoving } from "./builtins.js";
import { readAttribute, readCall, readCast, readOperator } from "./functions.js";
import { deeper, type Place, type Run, type Scope } from "./statement-run.js";
import { constantOf, namesOf, nodeOf, type Tree } from "./syntax.js";

/** Of these their parts are read, and nothing else. */
const PLAIN: ReadonlySet<string> = new Set(
  `A_ArrayExpr A_Expr A_Indices A_Indirection A_Star BoolExpr BooleanTest CaseExpr CaseWhen CoalesceExpr CollateClause FuncCall
  GroupingFunc GroupingSet Integer JsonArrayAgg JsonArrayConstructor JsonIsPredicate JsonKeyValue JsonObjectAgg JsonObjectConstructor
  JsonValueExpr List MinMaxExpr NamedArgExpr NullTest ResTarget RowExpr SortBy String TypeCast WindowDef`.split(
    /\s+/,
  ),
);
/** Values. */
const LEAVES: ReadonlySet<string> = new Set(["ParamRef", "A_Const"]);
/** Names, which are looked up where their node is. */
const NAMES: ReadonlySet<string> = new Set(["name", "funcname", "typeName", "collname", "useOp", "operName"]);

export function readExpressions(run: Run, parts: readonly unknown[], scope: Scope, place: Place): void {
  for (const part of parts) readPart(run, part, scope, place);
}

function readPart(run: Run, part: unknown, scope: Scope, place: Place): void {
  if (typeof part !== "object" || part === null) return;
  if (Array.isArray(part)) {
    readExpressions(run, part, scope, place);
    return;
  }
  const node = nodeOf(part);
  if (!node) {
    readInside(run, part as Tree, scope, place);
    return;
  }
  const [kind, tree] = node;
  if (!run.step(place)) return;
  if (kind === "ColumnRef") {
    const [, ...names] = namesOf(tree.fields);
    for (const name of names) readAttribute(run, name, place);
    return;
  }
  if (LEAVES.has(kind)) {
    if (isMoving(constantOf(part) ?? "")) run.refuse("changing-value", constantOf(part) ?? "");
    return;
  }
  if (kind === "SubLink") readSubLink(run, tree, scope, place);
  else if (kind === "SQLValueFunction")
    run.refuse("changing-value", String(tree.op ?? kind).replace("SVFOP_", ""));
  else if (PLAIN.has(kind)) readPlain(run, kind, tree, scope, place);
  else run.refuse("unknown-statement", kind);
}

function readPlain(run: Run, kind: string, tree: Tree, scope: Scope, place: Place): void {
  if (kind === "FuncCall") readCall(run, tree, scope, place);
  if (kind === "A_Expr") readOperator(run, tree.name, place, tree);
  if (kind === "TypeCast") readCast(run, tree.typeName as Tree | undefined, place);
  if (kind === "A_Indirection") for (const name of namesOf(tree.indirection)) readAttribute(run, name, place);
  if (kind === "SortBy" && tree.useOp !== undefined) readOperator(run, tree.useOp, place);
  readInside(run, tree, scope, place);
}

function readInside(run: Run, tree: Tree, scope: Scope, place: Place): void {
  for (const [name, value] of Object.entries(tree)) if (!NAMES.has(name)) readPart(run, value, scope, place);
}

function readSubLink(run: Run, tree: Tree, scope: Scope, place: Place): void {
  readPart(run, tree.testexpr, scope, place);
  readOperator(run, tree.operName, place);
  run.read.query(run, tree.subselect, deeper(place, scope));
}
