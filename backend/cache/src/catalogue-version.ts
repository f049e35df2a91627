// A hash of what a database's catalogue says that answers may depend on: whoever draws conclusions from it names the version.
// Tests: test/integration/auto-catalogue.test.ts

/** What is not PostgreSQL's own, nor of one session, nor the feed's. */
export const ownNamespace = (name: string, schema: string): string =>
  `${name} NOT IN ('pg_catalog', 'information_schema', 'pg_toast', '${schema}') AND ${name} !~ '^pg_(toast_)?temp_'`;

/** The first id that `initdb` does not give. */
export const FIRST_OWN_OID = 16384;

/**
 * An expression. Its rows are told apart by what they say, or, where that is long, by the transaction that has written them. Not in it: what REFRESH,
 * VACUUM, ANALYZE and TRUNCATE change.
 *
 * @param schema the feed's
 */
export const catalogueVersion = (schema: string): string => `(
  SELECT pg_catalog.substr(pg_catalog.md5(pg_catalog.string_agg(fact, ' ' ORDER BY fact)), 1, 16) FROM (
    SELECT 'd ' || pg_catalog.concat_ws(' ', oid, pg_catalog.pg_is_in_recovery(), extract(epoch FROM pg_catalog.pg_postmaster_start_time()))
      FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()
    UNION ALL SELECT 'r ' || pg_catalog.concat_ws(' ', c.oid, n.nspname, c.relname, c.relkind, c.relowner, c.relrowsecurity, c.relforcerowsecurity, c.reloptions)
      FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND ${ownNamespace("n.nspname", schema)}
    UNION ALL SELECT 'c ' || pg_catalog.concat_ws(' ', a.attrelid, a.attnum, a.attname, a.atttypid, a.attcollation)
      FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND a.attnum > 0 AND NOT a.attisdropped AND ${ownNamespace("n.nspname", schema)}
    UNION ALL SELECT 'v ' || w.oid || ' ' || w.xmin FROM pg_catalog.pg_rewrite w JOIN pg_catalog.pg_class c ON c.oid = w.ev_class
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE w.oid >= ${FIRST_OWN_OID} AND ${ownNamespace("n.nspname", schema)}
    UNION ALL SELECT 'f ' || p.oid || ' ' || p.xmin FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
      WHERE p.oid >= ${FIRST_OWN_OID} AND ${ownNamespace("n.nspname", schema)}
    UNION ALL SELECT 'p ' || oid || ' ' || xmin FROM pg_catalog.pg_policy
    UNION ALL SELECT 'i ' || inhrelid || ' ' || inhparent FROM pg_catalog.pg_inherits
      JOIN pg_catalog.pg_class c ON c.oid = inhparent WHERE c.relkind IN ('r', 'p')
    UNION ALL SELECT 'o ' || oid || ' ' || xmin FROM pg_catalog.pg_operator WHERE oid >= ${FIRST_OWN_OID}
    UNION ALL SELECT 't ' || oid || ' ' || xmin FROM pg_catalog.pg_cast WHERE oid >= ${FIRST_OWN_OID}
    UNION ALL SELECT 'g ' || pg_catalog.concat_ws(' ', g.oid, g.xmin, g.tgrelid, p.proname, g.tgenabled) FROM pg_catalog.pg_trigger g JOIN pg_catalog.pg_proc p ON p.oid = g.tgfoid
      JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = '${schema}' AND NOT g.tgisinternal
  ) AS facts (fact))`;
