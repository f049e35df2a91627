// One statement that copies what a database's catalogue says of its own objects: see `docs/internals/auto.md`.
// Tests: test/integration/auto-catalogue.test.ts
import { catalogueVersion, FIRST_OWN_OID, ownNamespace } from "../catalogue-version.js";

/** One that is not PostgreSQL's own. */
export interface OwnFunction {
  readonly oid: string;
  readonly schema: string;
  readonly name: string;
  readonly language: string;
  readonly volatility: string;
  /** In SQL: its body. */
  readonly body: string | null;
  readonly argumentNames: readonly string[];
  readonly inputs: number;
  readonly defaults: number;
  /** Of an aggregate: what it is made of. */
  readonly parts: readonly string[];
  /** Whether it takes a row, so that it can be written as if it were a column of that. */
  readonly isOfRow: boolean;
}

/** The rows of the answer, as JSON has them. Ids are texts. */
export interface CatalogueRow {
  readonly version: string;
  readonly relations: readonly (readonly [
    oid: string,
    schema: string,
    name: string,
    kind: string,
    /** Whether row security is on, and whether it restricts the user who asks. */
    isSecured: boolean,
    isRestricted: boolean,
    view: string | null,
  ])[];
  /** Of relations that have a trigger of the feed's: its function, and how the tenant's column compares. */
  readonly covered: readonly (readonly [oid: string, capture: string, type: string | null])[];
  readonly inherits: readonly (readonly [child: string, parent: string])[];
  readonly functions: readonly OwnFunction[];
  /** PostgreSQL's own, by name: volatility, and the fewest and most arguments. */
  readonly builtins: Readonly<Record<string, readonly string[]>>;
  readonly policies: readonly (readonly [
    oid: string,
    isPermissive: boolean,
    isForAll: boolean,
    condition: string | null,
  ])[];
  /** And whether it may be taken for one of PostgreSQL's own, where a `search_path` has its schema first. */
  readonly operators: readonly (readonly [
    name: string,
    oid: string,
    isShadow: boolean,
    /** Whether a number can be no argument of it, on either side. */
    isLeftText: boolean,
    isRightText: boolean,
  ])[];
  readonly casts: readonly (readonly [oid: string, context: string, target: string])[];
  /** Of temporary relations that hide others. */
  readonly hidden: readonly string[];
  /** Names of arguments that no relation has a column of. */
  readonly plainArguments: readonly string[];
}

const aggregated = (row: string, from: string): string =>
  `(SELECT coalesce(pg_catalog.json_agg(${row}), '[]') FROM ${from})`;
const json = (of: string, from: string): string => aggregated(`pg_catalog.json_build_array(${of})`, from);

/**
 * Takes two values: names of the feed's functions, and the column of the tenant in the table of each (`NULL`: none).
 *
 * @param schema the feed's
 */
export const catalogueQuery = (schema: string): string => {
  const own = ownNamespace("n.nspname", schema);
  const isOwnFunction = `p.oid >= ${FIRST_OWN_OID} AND p.prokind <> 'p' AND ${ownNamespace("n.nspname", schema)}`;
  const relations = `pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND ${own}`;
  const argumentNames = `ARRAY(SELECT name FROM ROWS FROM (pg_catalog.unnest(p.proargnames), pg_catalog.unnest(coalesce(p.proargmodes, pg_catalog.array_fill('i'::"char", ARRAY[coalesce(pg_catalog.cardinality(p.proargnames), 0)]))))
      WITH ORDINALITY AS a (name, mode, place) WHERE mode IN ('i', 'b', 'v') ORDER BY place)`;
  const comparing = `CASE WHEN t.typname IN ('uuid', 'int2', 'int4', 'int8') THEN t.typname::text
      WHEN t.typname IN ('text', 'varchar') AND t.oid < ${FIRST_OWN_OID} AND l.collisdeterministic THEN 'text' END`;
  const hasSettings = `EXISTS (SELECT FROM pg_catalog.unnest(p.proconfig) AS c (setting) WHERE setting ~ '^([^=]+[.]|role=|session_authorization=)')`;
  // Unless somebody has made a cast that nobody has to write.
  const isText = (type: string) =>
    `${type} = 25 AND NOT EXISTS (SELECT FROM pg_catalog.pg_cast k WHERE k.oid >= ${FIRST_OWN_OID} AND castcontext = 'i')`;
  return `SELECT ${catalogueVersion(schema)} AS version,
  ${json("c.oid::text, n.nspname, c.relname, c.relkind, c.relrowsecurity, c.relrowsecurity AND pg_catalog.row_security_active(c.oid), CASE WHEN c.relkind = 'v' THEN pg_catalog.pg_get_viewdef(c.oid) END", relations)} AS relations,
  ${json(
    `g.tgrelid::text, f.capture, ${comparing}`,
    `(SELECT DISTINCT g.tgrelid, p.proname AS capture FROM pg_catalog.pg_trigger g JOIN pg_catalog.pg_proc p ON p.oid = g.tgfoid
        JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = '${schema}' AND NOT g.tgisinternal) AS g
      JOIN ROWS FROM (pg_catalog.unnest($1::text[]), pg_catalog.unnest($2::text[])) AS f (capture, tenant) ON f.capture = g.capture
      LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = g.tgrelid AND a.attname = f.tenant AND NOT a.attisdropped
      LEFT JOIN pg_catalog.pg_type t ON t.oid = a.atttypid LEFT JOIN pg_catalog.pg_collation l ON l.oid = a.attcollation`,
  )} AS covered,
  ${json("inhrelid::text, inhparent::text", "pg_catalog.pg_inherits JOIN pg_catalog.pg_class c ON c.oid = inhparent WHERE c.relkind IN ('r', 'p')")} AS inherits,
  ${aggregated(
    `pg_catalog.json_build_object('oid', p.oid::text, 'schema', n.nspname, 'name', p.proname,
      'language', CASE WHEN ${hasSettings} THEN 'settings of its own' ELSE l.lanname END, 'volatility', CASE WHEN ${hasSettings} THEN 'v' ELSE p.provolatile END,
      'body', CASE WHEN l.lanname = 'sql' THEN coalesce(pg_catalog.pg_get_function_sqlbody(p.oid), p.prosrc) END,
      'argumentNames', ${argumentNames}, 'inputs', p.pronargs, 'defaults', p.pronargdefaults,
      'parts', ARRAY(SELECT part::oid::text FROM pg_catalog.pg_aggregate g, pg_catalog.unnest(ARRAY[aggtransfn, aggfinalfn, aggcombinefn, aggserialfn, aggdeserialfn, aggmtransfn, aggminvtransfn, aggmfinalfn]) AS part
        WHERE g.aggfnoid = p.oid AND part::oid <> 0),
      'isOfRow', p.pronargs - p.pronargdefaults <= 1 AND EXISTS (SELECT FROM pg_catalog.pg_type t WHERE t.oid = p.proargtypes[0] AND t.typtype IN ('c', 'd', 'p')))`,
    `pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace JOIN pg_catalog.pg_language l ON l.oid = p.prolang WHERE ${isOwnFunction}`,
  )} AS functions,
  (SELECT pg_catalog.json_object_agg(proname, ways) FROM (
    SELECT proname, pg_catalog.array_agg(DISTINCT pg_catalog.concat_ws(' ', provolatile, pronargs - pronargdefaults, CASE WHEN provariadic <> 0 THEN 100 ELSE pronargs END)) AS ways
    FROM pg_catalog.pg_proc WHERE oid < ${FIRST_OWN_OID} AND prokind <> 'p' AND pronamespace = 'pg_catalog'::pg_catalog.regnamespace GROUP BY proname) AS named) AS builtins,
  ${json("polrelid::text, polpermissive, polroles = '{0}', pg_catalog.pg_get_expr(polqual, polrelid)", "pg_catalog.pg_policy WHERE polcmd IN ('r', '*')")} AS policies,
  ${json(`oprname, oprcode::oid::text, oprleft = oprright AND oprleft < ${FIRST_OWN_OID}, ${isText("oprleft")}, ${isText("oprright")}`, `pg_catalog.pg_operator WHERE oid >= ${FIRST_OWN_OID}`)} AS operators,
  ${json("castfunc::text, castcontext, t.typname", `pg_catalog.pg_cast k JOIN pg_catalog.pg_type t ON t.oid = casttarget WHERE k.oid >= ${FIRST_OWN_OID} AND castfunc <> 0`)} AS casts,
  ARRAY(SELECT DISTINCT c.relname::text FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname ~ '^pg_temp_' AND c.relkind IN ('r', 'v')) AS hidden,
  ARRAY(SELECT DISTINCT name FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace, pg_catalog.unnest(p.proargnames) AS name
    WHERE ${isOwnFunction} AND name <> '' AND NOT EXISTS (SELECT FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
      WHERE a.attname = name AND c.relkind IN ('r', 'p', 'v', 'm', 'f'))) AS "plainArguments"`;
};
