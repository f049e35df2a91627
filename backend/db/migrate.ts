// Brings the database's schema up to date.
// Tests: test/integration/unprivileged-owner.test.ts
import { runner } from "node-pg-migrate";
import { projectFile } from "../project-root.js";

/**
 * Runs the migrations that the database has not seen, all in one transaction. Instances that start at the
 * same time wait for each other. The user of the URL becomes the tables' owner and needs CREATEROLE, or a
 * role `crm_app` that it is a member of.
 *
 * @returns names of the migrations that were run
 */
export async function migrate(databaseUrl: string, log: (line: string) => void): Promise<string[]> {
  const applied = await runner({
    databaseUrl,
    dir: projectFile("backend", "db", "migrations"),
    direction: "up",
    migrationsTable: "migrations",
    singleTransaction: true,
    advisoryLockMode: "wait",
    // It logs every statement, and those of an error again, which it rejects with.
    logger: { info: () => {}, debug: () => {}, warn: log, error: () => {} },
  });
  for (const migration of applied) log(`migrated: ${migration.name}`);
  return applied.map((migration) => migration.name);
}
