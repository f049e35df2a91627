// Reads a SELECT: what stands in its FROM, its conditions, and all expressions.
// Tests: test/integration/auto-statements.test.ts, test/integration/auto-property.test.ts
import { readConditions, rowsNamed } from "./conditions.js";
import type { Rows } from "./reading.js";
import { readRelation } from "./relations.js";
import { deeper, type Item, type Output, type Place, type Run, type Scope } from "./statement-run.js";
import { listOf, namesOf, nodeOf, type Tree, treeOf } from "./syntax.js";

const NOTHING: Output = { columns: new Map(), list: undefined };

export function readQuery(run: Run, query: unknown, place: Place): Output {
  const tree = treeOf(query, "SelectStmt");
  if (tree) return readSelect(run, tree, place);
  const kind = nodeOf(query)?.[0] ?? "nothing";
  const isWrite = /^(?:Insert|Update|Delete|Merge)Stmt$/.test(kind);
  run.refuse(isWrite ? "writing" : "unknown-statement", kind);
  return NOTHING;
}

const KNOWN_PARTS: ReadonlySet<string> = new Set([
  "distinctClause",
  "targetList",
  "fromClause",
  "whereClause",
  "groupClause",
  "groupDistinct",
  "groupByAll",
  "havingClause",
  "windowClause",
  "valuesLists",
  "sortClause",
  "limitOffset",
  "limitCount",
  "limitOption",
  "lockingClause",
  "intoClause",
  "withClause",
  "op",
  "all",
  "larg",
  "rarg",
]);

/** @param tree of a `SelectStmt` */
function readSelect(run: Run, tree: Tree, outside: Place): Output {
  if (!run.step(outside)) return NOTHING;
  const unknown = Object.keys(tree).find((name) => !KNOWN_PARTS.has(name));
  if (unknown !== undefined) run.refuse("unknown-statement", unknown);
  if (tree.lockingClause !== undefined) run.refuse("locking", "FOR UPDATE, FOR SHARE");
  if (tree.intoClause !== undefined) run.refuse("writing", "SELECT INTO");
  const place = withCtes(run, tree.withClause as Tree | undefined, outside);
  const isUnion = tree.op !== undefined && tree.op !== "SETOP_NONE";
  const output = isUnion ? readUnion(run, tree, place) : readOne(run, tree, place);
  return passesOn(tree) ? output : NOTHING;
}

/** Whether a condition on what comes out would be one on each row that goes in. */
function passesOn(tree: Tree): boolean {
  const isDistinctOn = listOf(tree.distinctClause).some((each) => nodeOf(each) !== undefined);
  const isCut = tree.limitCount !== undefined || tree.limitOffset !== undefined;
  return (
    !isCut && !isDistinctOn && tree.windowClause === undefined && !JSON.stringify(tree).includes('"over":')
  );
}

function withCtes(run: Run, clause: Tree | undefined, place: Place): Place {
  if (!clause) return place;
  const ctes = listOf(clause.ctes).map((each) => treeOf(each, "CommonTableExpr") ?? {});
  return clause.recursive === true ? withRecursive(run, ctes, place) : withPlain(run, ctes, place);
}

/** Each is read where it is named, so that what its rows are compared with there counts for that place alone. */
function withPlain(run: Run, ctes: readonly Tree[], place: Place): Place {
  const known = new Map(place.ctes);
  for (const cte of ctes) {
    const query = cte.ctequery;
    // What it writes, it writes also where nobody names it.
    if (!treeOf(query, "SelectStmt")) readQuery(run, query, place);
    const before = { ...place, ctes: new Map(known) };
    known.set(String(cte.ctename ?? ""), {
      query,
      place: before,
      isRenamed: cte.aliascolnames !== undefined,
    });
  }
  return { ...place, ctes: known };
}

/** They may name themselves, and each other: a condition on what comes out says nothing of what went in. */
function withRecursive(run: Run, ctes: readonly Tree[], place: Place): Place {
  const known = new Map(place.ctes);
  for (const { ctename } of ctes) known.set(String(ctename ?? ""), undefined);
  const inside = { ...place, ctes: known };
  for (const { ctequery } of ctes) readQuery(run, ctequery, deeper(inside, place.outer));
  return inside;
}

function readUnion(run: Run, tree: Tree, place: Place): Output {
  const [left, right] = [tree.larg, tree.rarg].map((side) =>
    readSelect(run, side as Tree, deeper(place, place.outer)),
  );
  run.read.expressions(run, [tree.sortClause, tree.limitCount, tree.limitOffset], NOWHERE(place), place);
  if (!left?.list || !right?.list || left.list.length !== right.list.length) return NOTHING;
  const list = left.list.map(({ name, rows }, index) => {
    const others = right.list?.[index]?.rows ?? [];
    return { name, rows: rows.length > 0 && others.length > 0 ? [...rows, ...others] : [] };
  });
  return { list, columns: columnsOf(list) };
}

const NOWHERE = ({ outer }: Place): Scope => ({ items: [], outer });

function readOne(run: Run, tree: Tree, place: Place): Output {
  const items: Item[] = [];
  for (const each of listOf(tree.fromClause)) items.push(...readFrom(run, each, place, items));
  const scope: Scope = { items, outer: place.outer };
  run.read.expressions(
    run,
    [
      tree.targetList,
      tree.whereClause,
      tree.groupClause,
      tree.havingClause,
      tree.windowClause,
      tree.distinctClause,
      tree.valuesLists,
      tree.sortClause,
      tree.limitCount,
      tree.limitOffset,
    ],
    scope,
    place,
  );
  readConditions(run, tree.whereClause, scope, place, rowsOf(items));
  return outputOf(tree, scope);
}

function rowsOf(items: readonly Item[]): Set<Rows> {
  return new Set(items.flatMap(({ columns }) => [...columns.values()].flat()));
}

function outputOf(tree: Tree, scope: Scope): Output {
  if (tree.valuesLists !== undefined) return NOTHING;
  const list: { name: string; rows: readonly Rows[] }[] = [];
  let isOrdered = true;
  for (const each of listOf(tree.targetList)) {
    const target = treeOf(each, "ResTarget");
    const fields = namesOf(treeOf(target?.val, "ColumnRef")?.fields);
    if (fields.at(-1) === "*") {
      // How many columns there are is not known.
      isOrdered = false;
      const named =
        fields.length === 1 ? scope.items : scope.items.filter(({ name }) => name === fields.at(-2));
      for (const { columns } of named) for (const [name, rows] of columns) list.push({ name, rows });
      continue;
    }
    const name =
      typeof target?.name === "string" ? target.name : (fields.at(-1) ?? functionName(target?.val));
    const rows = fields.length === 0 ? [] : rowsNamed({ items: scope.items, outer: undefined }, fields);
    list.push({ name, rows });
  }
  return { list: isOrdered ? list : undefined, columns: columnsOf(list) };
}

/** What an expression without a name of its own is called. */
function functionName(value: unknown): string {
  const [kind, tree] = nodeOf(value) ?? [];
  if (kind === "FuncCall") return namesOf(tree?.funcname).at(-1) ?? "";
  if (kind === "TypeCast") {
    const fields = namesOf(treeOf(tree?.arg, "ColumnRef")?.fields);
    return fields.at(-1) ?? namesOf((tree?.typeName as Tree | undefined)?.names).at(-1) ?? "";
  }
  // Other kinds may be called like a column, which would be another one then: nobody means it by that name.
  return "";
}

/** A name that several columns have holds a tenant for certain where all of them do. */
function columnsOf(
  list: readonly { readonly name: string; readonly rows: readonly Rows[] }[],
): Output["columns"] {
  const columns = new Map<string, readonly Rows[]>();
  for (const { name, rows } of list) columns.set(name, [...(columns.get(name) ?? []), ...rows]);
  for (const { name, rows } of list) if (rows.length === 0) columns.delete(name);
  return columns;
}

/** @param before what stands in front of it in the same FROM: LATERAL sees it */
function readFrom(run: Run, part: unknown, place: Place, before: readonly Item[]): Item[] {
  const [kind, tree] = nodeOf(part) ?? ["nothing", {} as Tree];
  const alias = tree.alias as Tree | undefined;
  const name = alias === undefined ? undefined : String(alias.aliasname ?? "");
  const isRenamed = alias?.colnames !== undefined;
  const named = (columns: Output["columns"], isRelation = false): Item => ({
    name,
    columns: isRenamed ? new Map() : columns,
    isRelation: isRelation && !isRenamed,
  });
  const lateral: Scope = { items: before, outer: place.outer };
  if (kind === "JoinExpr") return readJoin(run, tree, place, before);
  if (kind === "RangeSubselect") {
    const outer = tree.lateral === true ? lateral : place.outer;
    return [named(readQuery(run, tree.subquery, deeper(place, outer)).columns)];
  }
  if (kind === "RangeFunction") {
    const calls = listOf(tree.functions).map((each) => listOf(treeOf(each, "List")?.items)[0]);
    run.read.expressions(run, calls, lateral, place);
    return [named(new Map())];
  }
  if (kind !== "RangeVar") {
    run.refuse(kind === "RangeTableSample" ? "changing-value" : "unknown-statement", kind);
    return [];
  }
  const relname = String(tree.relname ?? "");
  const schema = tree.schemaname === undefined ? undefined : String(tree.schemaname);
  if (schema === undefined && place.ctes.has(relname)) {
    const cte = place.ctes.get(relname);
    const output =
      cte && readQuery(run, cte.query, { ...cte.place, outer: undefined, depth: place.depth + 1 });
    const columns = !output || cte?.isRenamed ? new Map() : output.columns;
    return [{ ...named(columns), name: name ?? relname }];
  }
  const columns = readRelation(run, schema, relname, place);
  return [{ ...named(columns, true), name: name ?? relname }];
}

function readJoin(run: Run, tree: Tree, place: Place, before: readonly Item[]): Item[] {
  const left = readFrom(run, tree.larg, place, before);
  const right = readFrom(run, tree.rarg, place, [...before, ...left]);
  const items = [...left, ...right];
  const scope: Scope = { items, outer: place.outer };
  const [ofLeft, ofRight] = [rowsOf(left), rowsOf(right)];
  const type = String(tree.jointype ?? "JOIN_INNER");
  // Rows of which sides matter only where the condition holds.
  const matters = new Set([
    ...(type === "JOIN_INNER" || type === "JOIN_RIGHT" ? ofLeft : []),
    ...(type === "JOIN_INNER" || type === "JOIN_LEFT" ? ofRight : []),
  ]);
  if (!/^JOIN_(?:INNER|LEFT|RIGHT|FULL)$/.test(type)) run.refuse("unknown-statement", type);
  run.read.expressions(run, [tree.quals], scope, place);
  readConditions(run, tree.quals, scope, place, matters);
  const shared =
    tree.isNatural === true
      ? [...new Set(left.flatMap(({ columns }) => [...columns.keys()]))]
      : namesOf(tree.usingClause);
  for (const column of shared) equate(rowsOfEach(left, column), rowsOfEach(right, column), matters);
  // Nothing in it can be named from outside, but by the names of its own.
  return tree.alias === undefined
    ? items
    : [{ name: String((tree.alias as Tree).aliasname ?? ""), columns: new Map(), isRelation: false }];
}

const rowsOfEach = (items: readonly Item[], column: string): readonly Rows[] =>
  rowsNamed({ items, outer: undefined }, [column]);

function equate(left: readonly Rows[], right: readonly Rows[], matters: ReadonlySet<Rows>): void {
  const [one] = left;
  const [other] = right;
  if (!one || !other || left.length > 1 || right.length > 1) return;
  if (matters.has(one)) one.as.push(other);
  if (matters.has(other)) other.as.push(one);
}
