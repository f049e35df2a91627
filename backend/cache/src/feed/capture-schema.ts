// The SQL of the feed's own objects: the table of changes in its places, and what the drain may do with them.
// Tests: test/integration/feed-capture.test.ts, test/integration/feed-backlog.test.ts

import { captureFunction } from "./capture-function.js";
import { captureName, DEFINER, identifier, literal, MAX_NAME, PLACES } from "./capture-names.js";
import type { CoveredTable, ParsedFeedOptions } from "./feed-options.js";

/** Writers move on to an empty place, so that this one can be truncated. */
const MOVE_ON_BYTES = 256 * 1024;

/** One statement each: all of them may be run again. */
export function upStatements(options: ParsedFeedOptions): string[] {
  const { schema, tables } = options;
  return [
    ...(options.ownerRole === null ? [] : [roleSql(options.ownerRole)]),
    ...objects(options),
    ...tables.map((table) => captureFunction(table, options)),
    ...owned(options),
    ...[...options.readers].flatMap((reader) => grants(schema, identifier(reader))),
    ...grants(schema, "CURRENT_USER"),
    ...tables.map((table) => attachSql(schema, table)),
  ];
}

/** Puts the triggers that are missing on a table and on all below it. */
export function attachSql(schema: string, table: CoveredTable): string {
  return `SELECT ${schema}.attach(${literal(table.name)}::regclass, ${literal(captureName(table))})`;
}

export function downStatements({ schema, ownerRole }: ParsedFeedOptions): string[] {
  const dropRole = `DO $etc$
BEGIN
  DROP ROLE IF EXISTS ${ownerRole};
EXCEPTION
  -- Another database of the server has a feed, too.
  WHEN dependent_objects_still_exist OR insufficient_privilege THEN NULL;
END
$etc$`;
  return [`DROP SCHEMA IF EXISTS ${schema} CASCADE`, ...(ownerRole === null ? [] : [dropRole])];
}

function roleSql(role: string): string {
  return `DO $etc$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = ${literal(role)}) THEN
    CREATE ROLE ${role} NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOINHERIT;
  END IF;
EXCEPTION
  WHEN duplicate_object OR unique_violation THEN NULL;
  WHEN insufficient_privilege THEN
    RAISE EXCEPTION 'user % may not create the role ${role}: give it CREATEROLE, or run as an administrator: CREATE ROLE ${role} NOLOGIN; GRANT ${role} TO %; or set ownerRole: null',
      current_user, quote_ident(current_user);
END
$etc$;
DO $etc$
BEGIN
  -- Since PostgreSQL 16 whoever has created a role is no member of it yet.
  IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
    EXECUTE format('GRANT ${role} TO %I', current_user);
  END IF;
EXCEPTION
  WHEN insufficient_privilege THEN
    IF NOT pg_has_role(current_user, ${literal(role)}, 'MEMBER') THEN
      RAISE EXCEPTION 'user % may not act as the role ${role}: run as an administrator: GRANT ${role} TO %',
        current_user, quote_ident(current_user);
    END IF;
END
$etc$`;
}

function objects(options: ParsedFeedOptions): string[] {
  const { schema } = options;
  const places = Array.from({ length: PLACES }, (_, place) => place);
  return [
    `CREATE SCHEMA IF NOT EXISTS ${schema}`,
    // Short names in bytewise order: no TOAST table that TRUNCATE would have to make anew, and cheap comparisons.
    `CREATE TABLE IF NOT EXISTS ${schema}.changes (
  place int NOT NULL,
  xid xid8 NOT NULL,
  tenant varchar(${MAX_NAME}) COLLATE "C" NOT NULL,
  module varchar(64) COLLATE "C" NOT NULL,
  tag varchar(${MAX_NAME}) COLLATE "C" NOT NULL,
  PRIMARY KEY (xid, tenant, module, tag, place)
) PARTITION BY LIST (place)`,
    ...places.map(
      (place) =>
        `CREATE TABLE IF NOT EXISTS ${schema}.changes_${place} PARTITION OF ${schema}.changes FOR VALUES IN (${place}) WITH (autovacuum_enabled = false)`,
    ),
    `CREATE SEQUENCE IF NOT EXISTS ${schema}.place MINVALUE 0 MAXVALUE ${PLACES - 1} START 0`,
    `CREATE SEQUENCE IF NOT EXISTS ${schema}.overflows`,
    `CREATE UNLOGGED TABLE IF NOT EXISTS ${schema}.reader (marker text NOT NULL)`,
    `CREATE TABLE IF NOT EXISTS ${schema}.begun (marker text NOT NULL, started timestamptz NOT NULL)`,
    ...ownFunctions(options),
  ];
}

/** Beside those of the tables. */
export function ownFunctions({ schema }: ParsedFeedOptions): string[] {
  return [beginFunction(schema), tidyFunction(schema), probeFunction(schema), attachFunction(schema)];
}

function beginFunction(schema: string): string {
  return `CREATE OR REPLACE FUNCTION ${schema}.begin(marker text) RETURNS void LANGUAGE plpgsql ${DEFINER} AS $etc$
BEGIN
  LOCK TABLE ${schema}.reader IN EXCLUSIVE MODE;
  DELETE FROM ${schema}.reader;
  INSERT INTO ${schema}.reader VALUES (begin.marker);
  -- Replicas have no unlogged tables.
  DELETE FROM ${schema}.begun;
  INSERT INTO ${schema}.begun VALUES (begin.marker, pg_postmaster_start_time());
  -- A dump of another server brings numbers of transactions along that are still to come here: they would look new for ever.
  DELETE FROM ${schema}.changes WHERE xid >= pg_snapshot_xmax(pg_current_snapshot());
END
$etc$`;
}

/**
 * Deleted rows could not be vacuumed while an older transaction is open: whole places are truncated, once all their rows
 * are drained. With the lock nobody has rows there that are not committed. A place that somebody is still writing to is left
 * alone: nobody is to queue behind this.
 */
function tidyFunction(schema: string): string {
  return `CREATE OR REPLACE FUNCTION ${schema}.tidy(drained pg_snapshot) RETURNS void LANGUAGE plpgsql ${DEFINER} AS $etc$
DECLARE
  current_place bigint;
  each_place text;
  is_pending boolean;
BEGIN
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION '${schema}.tidy needs READ COMMITTED: what was committed before its lock must be seen';
  END IF;
  SELECT last_value INTO current_place FROM ${schema}.place;
  IF pg_relation_size(('${schema}.changes_' || current_place)::regclass) > ${MOVE_ON_BYTES} THEN
    FOR next_place IN 0..${PLACES - 1} LOOP
      IF pg_relation_size(('${schema}.changes_' || next_place)::regclass) = 0 THEN
        PERFORM setval('${schema}.place', next_place);
        current_place := next_place;
        EXIT;
      END IF;
    END LOOP;
  END IF;
  FOR old_place IN 0..${PLACES - 1} LOOP
    each_place := '${schema}.changes_' || old_place;
    CONTINUE WHEN old_place = current_place OR pg_relation_size(each_place::regclass) = 0;
    BEGIN
      EXECUTE 'LOCK TABLE ' || each_place || ' IN ACCESS EXCLUSIVE MODE NOWAIT';
      EXECUTE 'SELECT EXISTS (SELECT FROM ' || each_place || ' WHERE NOT pg_visible_in_snapshot(xid, $1))'
        INTO is_pending USING drained;
      IF NOT is_pending THEN
        EXECUTE 'TRUNCATE ' || each_place;
      END IF;
    EXCEPTION
      WHEN lock_not_available THEN NULL;
    END;
  END LOOP;
END
$etc$`;
}

function probeFunction(schema: string): string {
  return `CREATE OR REPLACE FUNCTION ${schema}.probe(tag text) RETURNS void LANGUAGE sql ${DEFINER} AS $etc$
  INSERT INTO ${schema}.changes SELECT last_value, pg_current_xact_id(), '', '', probe.tag FROM ${schema}.place
$etc$`;
}

/**
 * Run by the table's owner. A trigger that is there as it should be is left alone, so that running it again takes no lock.
 *
 * PostgreSQL refuses to collect the rows of foreign tables: triggers above one would have every write fail that may reach it.
 */
function attachFunction(schema: string): string {
  const kinds = TRIGGERS.map(
    ({ name, event, referencing, level, enabled }) =>
      `('${schema}_${name}', '${event}', '${referencing}', '${level}', '${enabled}')`,
  );
  return `CREATE OR REPLACE FUNCTION ${schema}.attach(parent regclass, capture name) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $etc$
DECLARE
  relation record;
  wanted record;
  function_id oid := format('${schema}.%I', capture)::regproc;
  state "char";
BEGIN
  FOR relation IN
    WITH RECURSIVE tree AS (
      SELECT parent::oid AS oid UNION SELECT inhrelid FROM pg_inherits JOIN tree ON inhparent = tree.oid
    )
    SELECT c.oid, c.oid::regclass AS name, c.relkind,
      EXISTS (SELECT FROM tree JOIN pg_class f ON f.oid = tree.oid WHERE f.relkind = 'f') AS is_foreign
    FROM tree JOIN pg_class c ON c.oid = tree.oid WHERE c.relkind IN ('r', 'p')
  LOOP
    FOR wanted IN
      SELECT * FROM (VALUES ${kinds.join(",\n        ")}) AS kinds (name, event, referencing, level, enabled)
      WHERE level = 'STATEMENT' OR relation.relkind = 'r'
    LOOP
      SELECT tgenabled INTO state FROM pg_trigger
        WHERE tgrelid = relation.oid AND tgname = wanted.name AND tgfoid = function_id;
      IF relation.is_foreign THEN
        IF FOUND THEN
          EXECUTE format('DROP TRIGGER %I ON %s', wanted.name, relation.name);
        END IF;
        CONTINUE;
      END IF;
      IF NOT FOUND THEN
        EXECUTE format('CREATE OR REPLACE TRIGGER %I AFTER %s ON %s %s FOR EACH %s EXECUTE FUNCTION ${schema}.%I()',
          wanted.name, wanted.event, relation.name, wanted.referencing, wanted.level, capture);
      END IF;
      IF state IS DISTINCT FROM wanted.enabled::"char" THEN
        EXECUTE format('ALTER TABLE ONLY %s ENABLE %s TRIGGER %I', relation.name,
          CASE wanted.enabled WHEN 'A' THEN 'ALWAYS' ELSE 'REPLICA' END, wanted.name);
      END IF;
    END LOOP;
  END LOOP;
END
$etc$`;
}

/** A trigger of each kind; \`enabled\` as \`pg_trigger.tgenabled\` says it. */
export const TRIGGERS = [
  {
    name: "insert",
    event: "INSERT",
    referencing: "REFERENCING NEW TABLE AS etc_new",
    level: "STATEMENT",
    enabled: "A",
  },
  {
    name: "update",
    event: "UPDATE",
    referencing: "REFERENCING OLD TABLE AS etc_old NEW TABLE AS etc_new",
    level: "STATEMENT",
    enabled: "A",
  },
  {
    name: "delete",
    event: "DELETE",
    referencing: "REFERENCING OLD TABLE AS etc_old",
    level: "STATEMENT",
    enabled: "A",
  },
  { name: "truncate", event: "TRUNCATE", referencing: "", level: "STATEMENT", enabled: "A" },
  // The apply worker of logical replication fires no statement triggers.
  { name: "replica", event: "INSERT OR UPDATE OR DELETE", referencing: "", level: "ROW", enabled: "R" },
] as const;

/** What is owned already is left alone: a change of owner waits for every writer. */
function owned({ schema, ownerRole, tables }: ParsedFeedOptions): string[] {
  if (ownerRole === null) return [];
  const functions = ["begin(text)", "tidy(pg_snapshot)", "probe(text)"];
  return [
    `GRANT USAGE, CREATE ON SCHEMA ${schema} TO ${ownerRole}`,
    `DO $etc$
DECLARE
  relation record;
BEGIN
  FOR relation IN
    SELECT c.oid::regclass AS name, c.relkind FROM pg_class c
      WHERE c.relnamespace = '${schema}'::regnamespace AND c.relkind IN ('r', 'p', 'S') AND c.relowner <> '${ownerRole}'::regrole
  LOOP
    EXECUTE format('ALTER %s %s OWNER TO ${ownerRole}',
      CASE relation.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, relation.name);
  END LOOP;
END
$etc$`,
    ...[...functions, ...tables.map((table) => `${captureName(table)}()`)].map(
      (name) => `ALTER FUNCTION ${schema}.${name} OWNER TO ${ownerRole}`,
    ),
  ];
}

function grants(schema: string, role: string): string[] {
  const functions = `${schema}.begin(text), ${schema}.tidy(pg_snapshot), ${schema}.probe(text)`;
  return [
    `REVOKE EXECUTE ON FUNCTION ${functions} FROM PUBLIC`,
    `GRANT USAGE ON SCHEMA ${schema} TO ${role}`,
    `GRANT SELECT ON ${schema}.changes, ${schema}.reader, ${schema}.begun, ${schema}.overflows, ${schema}.place TO ${role}`,
    `GRANT EXECUTE ON FUNCTION ${functions} TO ${role}`,
  ];
}
