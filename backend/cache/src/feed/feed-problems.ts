// What the database's catalogue says of the feed, compared with the declaration.
// Tests: test/integration/feed-verify.test.ts
import { captureBody, captureFunction, columnsOf } from "./capture-function.js";
import { captureName, PLACES } from "./capture-names.js";
import { attachSql, ownFunctions, TRIGGERS, upStatements } from "./capture-schema.js";
import type { CoveredTable, FeedDatabase, ParsedFeedOptions } from "./feed-options.js";

/** Why changes of a module may go unnoticed. */
export type FeedProblemKind =
  /** The feed's own schema is missing, or not whole. */
  | "not-installed"
  /** No relation has the declared name: it was dropped or renamed. */
  | "missing-table"
  /** A view, a foreign table or the like, or a partition that is one: its changes fire no triggers here. */
  | "no-table"
  | "missing-column"
  /** A generated column that is not stored: triggers do not see its value. */
  | "virtual-column"
  | "missing-trigger"
  | "disabled-trigger"
  /** The function of the triggers is another than the declaration says. */
  | "other-function"
  /** Row security on the feed's own tables hides what was noted. */
  | "row-security";

export interface FeedProblem {
  readonly kind: FeedProblemKind;
  /** As declared. */
  readonly table: string;
  readonly module: string;
  /** What exactly: a relation, a trigger, a column. */
  readonly detail: string;
}

interface Relation {
  readonly table: string;
  readonly relation: string;
  readonly relkind: string;
  /** Name, state, and whether its function is the table's. */
  readonly triggers: readonly (readonly [name: string, enabled: string, isOwn: boolean])[] | null;
  /** Name, and whether it is generated when it is read. */
  readonly columns: readonly (readonly [name: string, isVirtual: boolean])[] | null;
}

/** @internal */
export interface Catalogue {
  readonly own: { readonly relations: number; readonly secured: readonly string[] | null };
  readonly functions: Readonly<Record<string, string>> | null;
  readonly relations: readonly Relation[] | null;
}

const OWN_RELATIONS = PLACES + 5;

/** One statement, and so one snapshot of the catalogue. */
const CATALOGUE = (schema: string) => `
WITH RECURSIVE declared AS (
  SELECT name, capture, to_regclass(name)::oid AS oid FROM unnest($1::text[], $2::text[]) AS t (name, capture)
), tree AS (
  SELECT name, capture, oid FROM declared WHERE oid IS NOT NULL
  UNION SELECT name, capture, inhrelid FROM pg_catalog.pg_inherits JOIN tree ON inhparent = tree.oid
)
SELECT
  (SELECT pg_catalog.json_build_object(
      'relations', pg_catalog.count(*),
      'secured', pg_catalog.json_agg(c.relname) FILTER (WHERE c.relrowsecurity OR c.relforcerowsecurity))
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = '${schema}' AND c.relkind IN ('r', 'p', 'S')
      AND c.relname ~ '^(changes(_[0-9]+)?|reader|begun|place|overflows)$') AS own,
  (SELECT pg_catalog.json_object_agg(p.proname, p.prosrc)
    FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname = '${schema}' AND p.proname = ANY ($2::text[])) AS functions,
  (SELECT pg_catalog.json_agg(pg_catalog.json_build_object(
      'table', tree.name, 'relation', c.oid::regclass::text, 'relkind', c.relkind,
      'triggers', (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(t.tgname, t.tgenabled,
            p.proname = tree.capture AND n.nspname = '${schema}'))
          FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
            JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
          WHERE t.tgrelid = c.oid AND NOT t.tgisinternal),
      'columns', (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(a.attname, a.attgenerated = 'v')) FROM pg_catalog.pg_attribute a
          WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)))
    FROM tree JOIN pg_catalog.pg_class c ON c.oid = tree.oid) AS relations`;

/** What is not as declared; empty where everything is covered. Rejects as the database does. */
export async function compare(database: FeedDatabase, options: ParsedFeedOptions): Promise<FeedProblem[]> {
  const { schema, tables } = options;
  const { rows } = await database.query(CATALOGUE(schema), [
    tables.map(({ name }) => name),
    tables.map(captureName),
  ]);
  const catalogue = rows[0] as Catalogue;
  if (catalogue.own.relations < OWN_RELATIONS)
    return tables.map((table) => problem("not-installed", table, `schema ${schema}`));
  const secured = catalogue.own.secured ?? [];
  return tables.flatMap((table) => [
    ...secured.map((name) => problem("row-security", table, `${schema}.${name}`)),
    ...ofTable(table, catalogue, options),
  ]);
}

function ofTable(table: CoveredTable, catalogue: Catalogue, options: ParsedFeedOptions): FeedProblem[] {
  const relations = catalogue.relations?.filter((each) => each.table === table.name) ?? [];
  if (relations.length === 0) return [problem("missing-table", table, table.name)];
  const foreign = relations.filter(({ relkind }) => relkind !== "r" && relkind !== "p");
  if (foreign.length > 0) return foreign.map(({ relation }) => problem("no-table", table, relation));
  const source = catalogue.functions?.[captureName(table)];
  const isCurrent = source === captureBody(table, options);
  return [
    ...(isCurrent ? [] : [problem("other-function", table, `${options.schema}.${captureName(table)}`)]),
    ...relations.flatMap((relation) => ofRelation(table, relation, options.schema)),
  ];
}

function ofRelation(table: CoveredTable, found: Relation, schema: string): FeedProblem[] {
  const { relation, relkind, columns, triggers } = found;
  const isVirtual = new Map(columns);
  const wrong = columnsOf(table).filter((column) => isVirtual.get(column) !== false);
  const wanted = TRIGGERS.filter(({ level }) => level === "STATEMENT" || relkind === "r");
  return [
    ...wrong.map((column) =>
      problem(isVirtual.get(column) ? "virtual-column" : "missing-column", table, `${relation}.${column}`),
    ),
    ...wanted.flatMap(({ name, enabled }) => {
      const trigger = triggers?.find(([each, , isOwn]) => isOwn && each === `${schema}_${name}`);
      const detail = `${schema}_${name} on ${relation}`;
      if (!trigger) return [problem("missing-trigger", table, detail)];
      return isFiring(trigger[1], enabled) ? [] : [problem("disabled-trigger", table, detail)];
    }),
  ];
}

/** A row trigger that always fires notes what is noted anyway. */
const isFiring = (state: string, wanted: string): boolean => state === wanted || state === "A";

function problem(kind: FeedProblemKind, { name, module }: CoveredTable, detail: string): FeedProblem {
  return { kind, table: name, module, detail };
}

/** What to run so that the database is as declared; empty where it is. */
export async function missingStatements(
  database: FeedDatabase,
  options: ParsedFeedOptions,
): Promise<string[]> {
  const problems = await compare(database, options);
  if (problems.some(({ kind }) => kind === "not-installed")) return upStatements(options);
  const broken = (kinds: readonly FeedProblemKind[]) =>
    options.tables.filter(({ name }) =>
      problems.some(({ kind, table }) => table === name && kinds.includes(kind)),
    );
  const functions = broken(["other-function"]);
  const secured = new Set(problems.filter(({ kind }) => kind === "row-security").map(({ detail }) => detail));
  return [
    ...[...secured].map(
      (name) => `ALTER TABLE ${name} NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY`,
    ),
    // They may be those of an earlier version as well.
    ...(functions.length === 0 ? [] : ownFunctions(options)),
    ...functions.map((table) => captureFunction(table, options)),
    ...functions.flatMap((table) =>
      options.ownerRole === null
        ? []
        : [`ALTER FUNCTION ${options.schema}.${captureName(table)}() OWNER TO ${options.ownerRole}`],
    ),
    // Those above a foreign table have to go.
    ...broken(["missing-trigger", "disabled-trigger", "no-table"]).map((table) =>
      attachSql(options.schema, table),
    ),
  ];
}
