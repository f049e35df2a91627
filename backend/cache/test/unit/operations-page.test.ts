// docs/operations.md against the code: every bypass reason, every field of the stats and every log line is explained.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, test } from "@jest/globals";
import { projectFile } from "../../../project-root.js";
import { createTenantCache } from "../../src/index.js";

const page = readFileSync(projectFile("docs", "operations.md"), "utf8");
const source = (...parts: string[]) => readFileSync(projectFile("backend", "cache", "src", ...parts), "utf8");

describe("docs/operations.md", () => {
  test("explains every bypass reason, and no other", () => {
    const ofRequests = /type BypassReason =(.*?);/s.exec(source("express", "resolved-request.ts"))?.[1] ?? "";
    const ofStore =
      /kind: "bypass"; readonly reason: (.*?) \}/.exec(source("engine", "lookups.ts"))?.[1] ?? "";
    const reasons = [...`${ofRequests}${ofStore}`.matchAll(/"([\w-]+)"/g)].map(([, reason]) => reason);
    assert.ok(reasons.includes("no-tenant") && reasons.includes("store-unavailable"));
    const section = page.split("### Bypass reasons")[1]?.split("###")[0] ?? "";
    const rows = [...section.matchAll(/^\| `([\w-]+)` \|/gm)].map(([, reason]) => reason);
    assert.deepEqual(rows.sort(), reasons.sort());
  });

  test("explains every field of the stats", async () => {
    const cache = createTenantCache({ tenant: () => undefined });
    const { totals, store, server, ...top } = await cache.stats({ perTenant: true });
    await cache.close();
    const fields = [
      ...Object.keys(totals),
      ...Object.keys(store).map((field) => `store.${field}`),
      ...Object.keys(server ?? {}).map((field) => `server.${field}`),
      ...Object.keys(top),
    ];
    const section = page.split("### Stats fields")[1]?.split("\n## ")[0] ?? "";
    assert.deepEqual(
      fields.filter((field) => !section.includes(`\`${field}\``)),
      [],
    );
  });

  test("explains every log line", () => {
    const names = readdirSync(projectFile("backend", "cache", "src"), { recursive: true, encoding: "utf8" });
    const code = names
      .filter((name) => name.endsWith(".ts"))
      .map((name) => source(name))
      .join("\n");
    const lines = [...code.matchAll(/`express-tenant-cache: (.*?)`,?\s*\)/gs)].map(([, line = ""]) => line);
    assert.ok(lines.length >= 4, "the lines are found");
    const section = page.split("## Log lines")[1]?.split("\n## ")[0] ?? "";
    for (const line of lines) {
      const fixed = line.split(/\$\{[^}]*\}/).map((part) => part.trim());
      for (const part of fixed) assert.ok(section.includes(part), `"${part}" of "${line}"`);
    }
  });
});
