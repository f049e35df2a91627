// `npm run cache` against a running CRM, with the token that `npm start` prints, and without the rights for it.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { projectFile } from "../../project-root.js";
import { type Crm, startCrm, TENANT_A } from "../support/crm.js";

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

describe("npm run cache", () => {
  let crm: Crm;
  beforeAll(async () => {
    crm = await startCrm("redis");
  });
  afterAll(() => crm.close());

  async function run(role: "admin" | "viewer", ...args: string[]): Promise<Ended> {
    const { PATH, HOME } = process.env;
    const env = { PATH, HOME, PORT: new URL(crm.url).port, TOKEN: await crm.token(role, TENANT_A) };
    return new Promise((resolve) => {
      execFile(
        process.execPath,
        [projectFile("dist", "scripts", "cache.js"), ...args],
        { env },
        (error, stdout, stderr) => resolve({ code: Number(error?.code ?? 0), stdout, stderr }),
      );
    });
  }

  test("an admin sees, explains and purges what their tenant has", async () => {
    const client = await crm.client("admin", TENANT_A);
    await client.get("/api/accounts?limit=5").expect(200);
    await crm.cache.idle();
    const stats = await run("admin", "stats", "--tenant", TENANT_A, "--json");
    assert.equal(stats.code, 0, stats.stderr);
    assert.equal(JSON.parse(stats.stdout).modules.accounts.entries, 1);
    const explain = () => run("admin", "explain", "--tenant", TENANT_A, "/api/accounts?limit=5");
    assert.match((await explain()).stdout, /^verdict +hit: /m);
    const args = [
      "purge",
      "--tenant",
      TENANT_A,
      "--module",
      "accounts",
      "--yes",
      "--reason",
      "prices were wrong",
    ];
    const purge = await run("admin", ...args);
    assert.equal(purge.code, 0, purge.stderr);
    assert.match((await explain()).stdout, /^why +fenced: .*operator.*prices were wrong/m);
  });

  test("a viewer is told to bring somebody else's token", async () => {
    const { code, stderr } = await run("viewer", "stats", "--tenant", TENANT_A);
    assert.equal(code, 4);
    assert.match(stderr, /ETC_CLI_REFUSED.*ETC_APP_TOKEN/);
  });
});
