// What a new operator is told: the two commands that lead from an empty database to the first cached list.
// Tests: test/faults/admin.test.ts
import { existsSync } from "node:fs";
import type { Pool } from "pg";
import { projectFile } from "./project-root.js";

/**
 * The lines to log; none where there is a tenant already.
 * @param url of the API, as it is reached from this machine
 */
export async function firstSteps(pool: Pool, url: string): Promise<string[]> {
  const { rows } = await pool.query("SELECT 1 FROM tenants LIMIT 1");
  if (rows.length > 0) return [];
  // The image has no sources: there, commands are run from outside.
  const outside = existsSync(projectFile("tsconfig.json")) ? "" : "docker compose exec -T backend ";
  // Without quotes, which a JSON line would escape.
  return [
    "there is no tenant yet: these two commands lead to the first cached list (the second one twice: miss, hit)",
    `${outside}npm run admin -- tenant create Example --admin you@example.com`,
    `curl -i --oauth2-bearer $(${outside}npm run --silent admin -- token issue --tenant Example --email you@example.com) ${url}/api/accounts`,
  ];
}
