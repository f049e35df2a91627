// The trigger function of one table, written out for it: its statements are planned once for each session.
// Tests: test/integration/feed-capture.test.ts, test/integration/feed-columns.test.ts, test/integration/feed-values.test.ts
import {
  captureName,
  channelOf,
  DEFINER,
  FULL_BYTES,
  identifier,
  literal,
  MAX_NAME,
  SIZE_EACH,
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
/** What is known at a glance: equal values of the column have one text, in every session. The name of a collation that is not PostgreSQL's own has a dot. */
const isPlainType = (value: string) =>
  `pg_typeof(${value})::oid = ANY ('{${EXACT_TYPES}}'::oid[])
          AND CASE WHEN pg_typeof(${value})::oid = ANY ('{25, 1042, 1043}'::oid[]) THEN pg_collation_for(${value}) COLLATE "C" NOT LIKE '%.%' ELSE true END`;
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
 * The function's source as the catalogue keeps it, which `verify` compares. Its usual way, one row whose tenant and tags stay, is short, because
 * every write pays for it: see `docs/internals/feed.md`, "What a write pays".
 *
 * `NEW` and the transition tables are named in branches alone that have them: plpgsql looks at a statement when it is first run.
 */
export function captureBody(table: CoveredTable, { schema, maxTags }: ParsedFeedOptions): string {
  const { tenant, tags } = table;
  const note = (rows: string) => `INSERT INTO ${schema}.changes (place, xid, tenant, module, tag)
      SELECT here, pg_current_xact_id(), tenant, ${literal(table.module)}, tag FROM ${rows} AS changed (tenant, tag)
      ON CONFLICT DO NOTHING;${wakes(table, schema)}`;
  const noteAll = note("(VALUES ('*', ''))");
  const noteOne = note(
    `(VALUES ${(tags.length === 0
      ? ["''"]
      : tags.map(({ prefix }, index) => nameOf(`(${literal(prefix)} || value${index + 1})`))
    )
      .map((tag) => `(${nameOf("value0")}, ${tag})`)
      .join(", ")})`,
  );
  const noteRow = (of: string) => `IF is_few THEN
        ${note(`(${fewOf(table, tenant ?? "", of)})`)}
      ELSE
        ${note(`(SELECT ${tenantOf(tenant ?? "", of)}, '*')`)}
      END IF;`;
  return `
#variable_conflict use_column
DECLARE
  here bigint;
  is_open boolean;
  is_full boolean;
  is_plain boolean;
  is_unknown boolean;
  is_few boolean;${columnsOf(table)
    .map(
      (_, index) => `
  value${index} text;`,
    )
    .join("")}
BEGIN
  IF TG_LEVEL = 'STATEMENT' AND TG_OP <> 'TRUNCATE' THEN
    ${byOperation((rows) => glance(table, rows))}
    IF NOT FOUND THEN
      RETURN NULL;
    END IF;
  END IF;
  here := pg_sequence_last_value('${schema}.place');
  IF here IS NULL OR pg_lsn_hash(pg_current_wal_insert_lsn()) % ${SIZE_EACH} = 0 THEN
    SELECT last_value, is_called INTO here, is_open FROM ${schema}.place;
    is_full := pg_relation_size(('${schema}.changes_' || here)::regclass) > ${FULL_BYTES};
    IF is_full = is_open THEN
      PERFORM setval('${schema}.place', here, NOT is_full);
    END IF;
    IF is_full THEN
      PERFORM nextval('${schema}.overflows');
      RETURN NULL;
    END IF;
  END IF;
  ${
    tenant === null
      ? noteAll
      : `IF is_plain AND current_setting('transaction_isolation') = 'read committed' THEN
    ${noteOne}
    RETURN NULL;
  END IF;
  ${lookUp(columnsOf(table), tenant)}
  IF TG_OP = 'TRUNCATE' OR is_unknown THEN
    ${noteAll}
    RETURN NULL;
  END IF;
  IF TG_LEVEL = 'ROW' THEN
    IF TG_OP <> 'DELETE' THEN
      ${noteRow("NEW.")}
    END IF;
    IF TG_OP <> 'INSERT' THEN
      ${noteRow("OLD.")}
    END IF;
    RETURN NULL;
  END IF;
  IF is_few THEN
    ${byOperation(([rows]) => `PERFORM FROM ${rows} OFFSET ${maxTags} LIMIT 1;`)}
    is_few := NOT FOUND;
  END IF;
  IF is_few THEN
    ${byOperation((rows) => note(`(${unionOf(rows.map((each) => `${fewOf(table, tenant)} FROM ${each}`))})`))}
  ELSE
    ${byOperation((rows) => note(manyOf(table, tenant, rows)))}
  END IF;`
  }
  RETURN NULL;
END
`;
}

/** A part of the function for each kind of statement. @param of the transition tables that it has; all rows are in the first one */
function byOperation(of: (rows: readonly string[]) => string): string {
  return `IF TG_OP = 'UPDATE' THEN
      ${of(["etc_old", "etc_new"])}
    ELSIF TG_OP = 'INSERT' THEN
      ${of(["etc_new"])}
    ELSE
      ${of(["etc_old"])}
    END IF;`;
}

/**
 * Finds a row, if there is any, and whether it is plain: the only one, with a value in each declared column, and the same as before.
 *
 * A statement that names a column which is gone would have the user's write fail. Here its name is that of `gone`, and so NULL. A virtual one is NULL,
 * too, where its row is cut to a few columns before anything is computed of it: hence the 0. As texts, all types can be compared.
 */
function glance(table: CoveredTable, transitions: readonly string[]): string {
  const columns = columnsOf(table);
  const [all] = transitions;
  if (columns.length === 0) return `PERFORM FROM ${all} LIMIT 1;`;
  const names = columns.map(identifier).join(", ");
  const [one, other] = transitions.map(
    (rows, side) =>
      `LATERAL (SELECT 0, ${names} FROM ${rows} LIMIT 1) AS ${"ab"[side]} (cut, ${columns.map((_, index) => `c${index}`).join(", ")})`,
  );
  const areExact = columns.map((_, index) => isPlainType(`a.c${index}`));
  const isPlain = columns.map((_, index) =>
    other ? `${textOf(`a.c${index}`)} = ${textOf(`b.c${index}`)}` : `a.c${index} IS NOT NULL`,
  );
  return `SELECT ${columns.map((_, index) => textOf(`a.c${index}`)).join(", ")}, ${[...isPlain, ...areExact].join(" AND ")} AND NOT EXISTS (SELECT FROM ${all} OFFSET 1)
        INTO ${columns.map((_, index) => `value${index}`).join(", ")}, is_plain
        FROM (VALUES (${columns.map(() => "NULL").join(", ")})) AS gone (${names}), ${one}${other ? ` LEFT JOIN ${other} ON true` : ""};`;
}

/**
 * A column that is gone, or virtual, is not found. Where a tenant's column is not exact, all tenants are noted; where a tag's is not, all that the tenant
 * has.
 */
function lookUp(columns: readonly string[], tenant: string): string {
  return `SELECT count(*) FILTER (WHERE attname <> ${literal(tenant)} OR is_exact) < ${columns.length}, bool_and(is_exact) INTO is_unknown, is_few
    FROM (SELECT attname, ${IS_EXACT} AS is_exact FROM pg_attribute
      WHERE attrelid = TG_RELID AND attname IN (${columns.map(literal).join(", ")}) AND NOT attisdropped AND attgenerated <> 'v'
        AND ${IS_CALLED_SO}) AS declared;`;
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

/** Compared by bytes, whatever the column calls equal. */
const textOf = (value: string) => `${value}::text COLLATE "C"`;
/** The cast cuts off what is longer. */
const nameOf = (text: string) => `${text}::varchar(${MAX_NAME}) COLLATE "C"`;
const tenantOf = (tenant: string, of = "") => `coalesce(${nameOf(`${of}${identifier(tenant)}::text`)}, '*')`;

/** A row with a tag stands for its module, too: one row says both. */
function fewOf({ tags }: CoveredTable, tenant: string, of = ""): string {
  const tagsOfRow = tags.map(
    ({ column, prefix }) =>
      `(coalesce(${nameOf(`(${literal(prefix)} || ${of}${identifier(column)}::text)`)}, ''))`,
  );
  const tag = tags.length > 1 ? `unnest(ARRAY[${tagsOfRow.join(", ")}])` : (tagsOfRow[0] ?? "''");
  return `SELECT ${tenantOf(tenant, of)}, ${tag}`;
}

/** Each row once. A UNION of one is none. */
const unionOf = ([first = "", ...others]: readonly string[]) =>
  others.length === 0 ? first.replace("SELECT", "SELECT DISTINCT") : [first, ...others].join(" UNION ");

/** The few tenants are told apart as they are: a text of each row would cost a bulk change a third of its time. */
function manyOf({ tags }: CoveredTable, tenant: string, transitions: readonly string[]): string {
  const each = transitions
    .map((rows) => `SELECT DISTINCT ${identifier(tenant)} FROM ${rows}`)
    .join(" UNION ALL ");
  return `(SELECT ${tenantOf(tenant)}, ${tags.length === 0 ? "''" : "'*'"} FROM (${each}) AS few)`;
}
