// The trigger function of one table, written out for it: its statements are planned once for each session.
// Tests: test/integration/feed-capture.test.ts, test/integration/feed-values.test.ts
import {
  captureName,
  channelOf,
  DEFINER,
  FULL_BYTES,
  identifier,
  literal,
  MAX_NAME,
} from "./capture-names.js";
import type { CoveredTable, ParsedFeedOptions } from "./feed-options.js";

/** `CREATE OR REPLACE`, so that a declaration that has changed takes effect with the next transaction. */
export function captureFunction(table: CoveredTable, options: ParsedFeedOptions): string {
  const { schema } = options;
  const body = captureBody(table, options);
  // A column may be called like the mark.
  let mark = "$etc$";
  while (body.includes(mark)) mark = `$e${mark.slice(1)}`;
  // A date is the same tag, however the writer's session writes dates.
  const formats = "SET DateStyle = 'ISO, MDY'";
  return `CREATE OR REPLACE FUNCTION ${schema}.${captureName(table)}() RETURNS trigger LANGUAGE plpgsql ${DEFINER} ${formats} AS ${mark}${body}${mark}`;
}

/** bool, "char", name, int8, int2, int4, text, oid, char(n), varchar, date, uuid. */
const EXACT_TYPES = "16, 18, 19, 20, 21, 23, 25, 26, 1042, 1043, 1082, 2950";
/** What is known at a glance: equal values of the column have one text, in every session. */
const IS_PLAIN = `atttypid IN (${EXACT_TYPES}) AND attcollation < 16384`;
/**
 * The same, looked up. Equal values of other types may have several texts: 1 and 1.0 of numeric, or what a collation takes for the same; some types know no
 * equality at all.
 */
const IS_EXACT = `coalesce(${IS_PLAIN} OR atttypid = 1700 AND (atttypmod - 4) & 65535 = 0
        OR (SELECT typtype = 'e' OR typtype IN ('b', 'd') AND coalesce(nullif(typbasetype, 0), oid) IN (${EXACT_TYPES}) FROM pg_type WHERE oid = atttypid)
          AND (attcollation < 16384 OR (SELECT collisdeterministic FROM pg_collation WHERE oid = attcollation)), false)`;
/** The catalogue is read as of the writer's snapshot, which may be from before a column was renamed; what an object is called is not. */
const IS_CALLED_SO =
  "(SELECT object_names[3] FROM pg_identify_object_as_address(1259, TG_RELID, attnum)) = attname";

/**
 * The function's source as the catalogue keeps it, which `verify` compares.
 *
 * `NEW` and the transition tables are named in branches alone that have them: plpgsql looks at a statement when it is first run.
 *
 * The columns are looked up before, because a statement that names one which is gone would have the user's write fail. So would one that
 * is virtual (PostgreSQL 18): triggers do not see its value. Where a tenant's column is not exact, all tenants are noted; where a tag's is not, all that
 * the tenant has.
 */
export function captureBody(table: CoveredTable, { schema, maxTags }: ParsedFeedOptions): string {
  const columns = columnsOf(table);
  const declared = `FROM pg_attribute
      WHERE attrelid = TG_RELID AND attname IN (${columns.map(literal).join(", ")}) AND NOT attisdropped AND attgenerated <> 'v'`;
  const arePlain =
    columns.length === 0 ? "true" : `(SELECT count(*) ${declared} AND ${IS_PLAIN}) = ${columns.length}`;
  const insert = `INSERT INTO ${schema}.changes (place, xid, tenant, module, tag)`;
  const all = `${insert}
      VALUES (here, pg_current_xact_id(), '*', ${literal(table.module)}, '') ON CONFLICT DO NOTHING;${wakes(table, schema)}
    RETURN NULL;`;
  const lookUp =
    table.tenant === null
      ? ""
      : `IF NOT are_plain OR current_setting('transaction_isolation') <> 'read committed' THEN
    SELECT count(*) FILTER (WHERE attname <> ${literal(table.tenant)} OR is_exact) < ${columns.length}, bool_and(is_exact) INTO is_unknown, is_few
      FROM (SELECT attname, ${IS_EXACT} AS is_exact ${declared} AND ${IS_CALLED_SO}) AS declared;
    IF is_unknown THEN
      ${all}
    END IF;
  END IF;
  `;
  const note = (rows: Noted) => notedRows(table, insert, rows) + wakes(table, schema);
  return `
#variable_conflict use_column
DECLARE
  here bigint;
  is_unknown boolean;
  are_plain boolean;
  is_few boolean := true;
BEGIN
  SELECT last_value, ${arePlain} INTO here, are_plain FROM ${schema}.place;
  IF pg_relation_size(('${schema}.changes_' || here)::regclass) > ${FULL_BYTES} THEN
    PERFORM nextval('${schema}.overflows');
    RETURN NULL;
  END IF;
  IF TG_OP = 'TRUNCATE'${table.tenant === null ? " OR true" : ""} THEN
    ${all}
  END IF;
  ${lookUp}IF TG_LEVEL = 'ROW' THEN
    IF TG_OP <> 'DELETE' THEN
      ${note(rowOf(table, "NEW."))}
    END IF;
    IF TG_OP <> 'INSERT' THEN
      ${note(rowOf(table, "OLD."))}
    END IF;
  ELSIF TG_OP = 'INSERT' THEN
    ${fewOf(table, "etc_new", maxTags)}${note(rowsOf(table, ["etc_new"]))}
  ELSIF TG_OP = 'DELETE' THEN
    ${fewOf(table, "etc_old", maxTags)}${note(rowsOf(table, ["etc_old"]))}
  ELSE
    ${fewOf(table, "etc_new", maxTags)}${note(rowsOf(table, ["etc_old", "etc_new"]))}
  END IF;
  RETURN NULL;
END
`;
}

/** Once for each transaction: what it has noted already is not inserted again. What logical replication applies has no need of it. */
function wakes({ notify }: CoveredTable, schema: string): string {
  return notify
    ? `
    IF FOUND AND TG_LEVEL = 'STATEMENT' THEN
      NOTIFY ${channelOf(schema)};
    END IF;`
    : "";
}

export function columnsOf({ tenant, tags }: CoveredTable): string[] {
  return [...new Set([...(tenant === null ? [] : [tenant]), ...tags.map(({ column }) => column)])];
}

const tenantOf = (tenant: string | null, of = ""): string =>
  `${tenant === null ? "'*'" : `coalesce(left(${of}${identifier(tenant)}::text, ${MAX_NAME}), '*')`} AS tenant`;

function selected({ tenant, tags }: CoveredTable, of = ""): string {
  return [
    tenantOf(tenant, of),
    ...tags.map(
      ({ column, prefix }, index) =>
        `left(${literal(prefix)} || ${of}${identifier(column)}::text, ${MAX_NAME}) AS tag${index}`,
    ),
  ].join(", ");
}

/** What a statement has changed: each row, and each tenant once. */
interface Noted {
  readonly rows: string;
  readonly tenants: string;
}

/** One row is its own tenant. */
function rowOf(table: CoveredTable, of: string): Noted {
  const rows = `(SELECT ${selected(table, of)})`;
  return { rows, tenants: rows };
}

/** The few tenants are told apart as they are: a text of each row would cost a bulk change a third of its time. */
function rowsOf(table: CoveredTable, transitions: readonly string[]): Noted {
  const { tenant } = table;
  const each = (columns: string) =>
    `(${transitions.map((rows) => `SELECT ${columns} FROM ${rows}`).join(" UNION ALL ")})`;
  const tenants =
    tenant === null
      ? each(tenantOf(tenant))
      : `(SELECT ${tenantOf(tenant)} FROM ${each(`DISTINCT ${identifier(tenant)}`)} AS few)`;
  return { rows: each(selected(table)), tenants };
}

/** Without tags it does not matter how many rows there are. */
function fewOf({ tags }: CoveredTable, rows: string, maxTags: number): string {
  if (tags.length === 0) return "";
  return `is_few := is_few AND (SELECT count(*) FROM (SELECT FROM ${rows} LIMIT ${maxTags + 1}) AS some_rows) <= ${maxTags};
    `;
}

function notedRows({ module, tags }: CoveredTable, insert: string, { rows, tenants }: Noted): string {
  const noted = `here, pg_current_xact_id(), tenant, ${literal(module)}`;
  if (tags.length === 0)
    return `${insert}
      SELECT DISTINCT ${noted}, '' FROM ${tenants} AS changed ON CONFLICT DO NOTHING;`;
  const values = tags.map((_, index) => `(changed.tag${index})`).join(", ");
  return `IF is_few THEN
        ${insert}
        SELECT DISTINCT ${noted}, tags.tag FROM ${rows} AS changed, LATERAL (VALUES (''), ${values}) AS tags (tag)
          WHERE tags.tag IS NOT NULL ON CONFLICT DO NOTHING;
      ELSE
        ${insert}
        SELECT DISTINCT ${noted}, tags.tag FROM ${tenants} AS changed, LATERAL (VALUES (''), ('*')) AS tags (tag)
          ON CONFLICT DO NOTHING;
      END IF;`;
}
