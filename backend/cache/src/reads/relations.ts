// What a relation's name in a FROM comes to: tables of the feed, and what views and policies read.
// Tests: test/integration/auto-statements.test.ts, test/integration/auto-property.test.ts
import type { Policy, Relation } from "./catalogue.js";
import { readConditions } from "./conditions.js";
import type { Rows, Source } from "./reading.js";
import { type Output, type Place, type Run, type Scope, within } from "./statement-run.js";

type Columns = Map<string, readonly Rows[]>;

/** A schema whose relations change without a trigger of the feed's. */
const SYSTEM = /^(?:pg_|information_schema$)/;

/**
 * Reads whatever the name may mean.
 *
 * @param schema absent: any
 * @returns the columns that hold a tenant
 */
export function readRelation(run: Run, schema: string | undefined, name: string, place: Place): Columns {
  const what = schema === undefined ? name : `${schema}.${name}`;
  const columns: Columns = new Map();
  const isForeign = schema === undefined ? name.startsWith("pg_") : SYSTEM.test(schema);
  const relations = isForeign ? [] : run.catalogue.relations(schema, name);
  if (relations.length === 0 || (schema === undefined && run.catalogue.isHidden(name)))
    run.refuse("unknown-table", what);
  for (const relation of relations) {
    if (!run.step(place)) break;
    for (const [column, rows] of readOne(run, relation, place))
      columns.set(column, [...(columns.get(column) ?? []), ...rows]);
  }
  return columns;
}

function readOne(run: Run, relation: Relation, place: Place): Output["columns"] {
  const { kind, view } = relation;
  const what = `${relation.schema}.${relation.name}`;
  if (kind === "r" || kind === "p") return readTable(run, relation, place);
  if (kind === "v" && view !== null) return readView(run, view, what, place);
  run.refuse(kind === "m" ? "materialized-view" : "unknown-table", what);
  return new Map();
}

function readView(run: Run, view: string, what: string, place: Place): Output["columns"] {
  const statement = run.parse(view, what);
  if (!statement) return new Map();
  return run.read.query(run, { [statement.kind]: statement.tree }, within(place)).columns;
}

function readTable(run: Run, relation: Relation, place: Place): Columns {
  const what = `${relation.schema}.${relation.name}`;
  const columns: Columns = new Map();
  const all = [relation, ...allBelow(relation)];
  for (const each of all) {
    run.tables.add(`${each.schema}.${each.name}`);
    // A partitioned table has no rows of its own.
    if (each.covered.length === 0 && each.kind !== "p")
      run.refuse("unknown-table", `${each.schema}.${each.name}`);
    for (const { module } of each.covered) run.modules.add(module);
  }
  const tenants = new Map(all.flatMap(({ covered }) => covered).map((by) => [by.tenant, by]));
  for (const [column, { comparison }] of tenants) {
    if (column === null) continue;
    const rows: Rows = { what, comparison, equals: [], as: [] };
    run.rows.push(rows);
    columns.set(column, [rows]);
  }
  if (relation.isSecured && (relation.isRestricted || !place.isDirect))
    readPolicies(run, relation, columns, place);
  return columns;
}

function allBelow(relation: Relation): Relation[] {
  return relation.below.flatMap((each) => [each, ...allBelow(each)]);
}

/**
 * What policies read is read; a condition that all of them make counts where they are known to apply. In a definition they may be
 * those of another user.
 */
function readPolicies(run: Run, relation: Relation, columns: Columns, place: Place): void {
  const tied: { readonly policy: Policy; readonly equals: readonly (readonly Source[])[] }[] = [];
  const all = [...columns.values()].flat();
  for (const policy of relation.policies) {
    const tree = run.parse(`SELECT WHERE ${policy.condition}`, `a policy of ${relation.name}`)?.tree;
    if (!tree) return;
    const own = new Map([...columns].map(([column, rows]) => [column, rows.map(alike)] as const));
    const scope: Scope = {
      items: [{ name: relation.name, columns: own, isRelation: true }],
      outer: undefined,
    };
    const inside = within(place);
    run.read.expressions(run, [tree.whereClause], scope, inside);
    const matters = new Set([...own.values()].flat());
    readConditions(run, tree.whereClause, scope, inside, matters);
    tied.push({ policy, equals: [...own.values()].flat().map(({ equals }) => equals) });
  }
  if (!relation.isRestricted || !place.isDirect) return;
  const permissive = tied.filter(({ policy }) => policy.isPermissive);
  const restrictive = tied.filter(({ policy }) => !policy.isPermissive && policy.isForAll);
  for (const [index, rows] of all.entries()) {
    for (const { equals } of restrictive) rows.equals.push(...(equals[index] ?? []));
    const [first, ...others] = permissive.map(({ equals }) => equals[index] ?? []);
    const common = (first ?? []).filter((source) => others.every((equals) => equals.some(isSame(source))));
    rows.equals.push(...common);
  }
}

function alike({ what, comparison }: Rows): Rows {
  return { what, comparison, equals: [], as: [] };
}

const isSame = (source: Source) => (other: Source) => JSON.stringify(source) === JSON.stringify(other);
