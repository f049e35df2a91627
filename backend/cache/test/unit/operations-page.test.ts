// docs/operate/operations.md against the code: every value of Cache-Status, bypass reason, field of the stats and log line is explained.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, test } from "@jest/globals";
import { projectFile } from "../../../project-root.js";
import { createTenantCache } from "../../src/index.js";
import { keyRules, LEAST_OF_CLUSTER, ruleLines } from "../../src/store/redis/least-user.js";

const page = readFileSync(projectFile("docs", "operate", "operations.md"), "utf8");
const source = (...parts: string[]) => readFileSync(projectFile("backend", "cache", "src", ...parts), "utf8");

/** The members of a union of texts. */
function detailsOf(type: string): string[] {
  const union = new RegExp(`type ${type} =(.*?);`, "s").exec(source("cache-status.ts"))?.[1] ?? "";
  return [...union.matchAll(/"([\w-]+)"/g)].map(([, detail = ""]) => detail).sort();
}

/** What the table of a section explains. */
function rowsOf(heading: string): string[] {
  const section = page.split(`${heading}\n`)[1]?.split("###")[0] ?? "";
  return [...section.matchAll(/^\| `([\w-]+)` \|/gm)].map(([, detail = ""]) => detail).sort();
}

describe("docs/operate/operations.md", () => {
  test("explains every value of Cache-Status", () => {
    const forwarded = /type Forwarded =(.*?);/s.exec(source("cache-status.ts"))?.[1] ?? "";
    const kinds = [...forwarded.matchAll(/"([\w-]+)"/g)].map(([, fwd]) => `fwd=${fwd}`);
    assert.ok(kinds.includes("fwd=miss"));
    const section = page.split("### Cache-Status")[1]?.split("###")[0] ?? "";
    const shown = [...section.matchAll(/^\| `([^`]+)`/gm)].map(([, value = ""]) => value);
    for (const value of ["hit", ...kinds, "fwd=bypass", "fwd=miss; stored", "fwd=miss; collapsed"])
      assert.ok(
        shown.some((each) => each === value || each.startsWith(`${value}; `)),
        value,
      );
  });

  test("has the one table of Cache-Status and the one of bypass reasons: other pages link to them", () => {
    const pages = readdirSync(projectFile("docs"), { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".md"))
      .map((name) => path.join("docs", name));
    const repeating = ["README.md", "backend/cache/README.md", ...pages].filter((name) =>
      /^\| `(?:hit; ttl=|fwd=|store-unavailable`|ttl-zero`)/m.test(readFileSync(projectFile(name), "utf8")),
    );
    assert.deepEqual(repeating, [path.join("docs", "operate", "operations.md")]);
  });

  test("explains every bypass reason, and no other", () => {
    const reasons = detailsOf("BypassReason");
    assert.ok(["no-tenant", "store-unavailable", "request"].every((reason) => reasons.includes(reason)));
    assert.deepEqual(rowsOf("### Bypass reasons"), reasons);
  });

  test("explains every reason why an answer is not stored, and every other detail, and no other", () => {
    const parts = ["RunReason", "UnstoredReason", "OtherDetail"].flatMap(detailsOf);
    const all = /type CacheStatusDetail =(.*?);/s.exec(source("cache-status.ts"))?.[1] ?? "";
    assert.equal(all.split("|").length, 4, "these and the bypass reasons");
    assert.deepEqual(rowsOf("### Why it is not stored"), [...new Set(parts)].sort());
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

  test("shows the least user as the code has it", () => {
    const command = (name: string) =>
      (new RegExp(`ACL SETUSER ${name} ((?:[^\\n]*\\\\\\n)*[^\\n]*)`).exec(page)?.[1] ?? "")
        .split(/[\s\\]+/)
        .filter((rule) => rule.startsWith("+"));
    assert.deepEqual(
      command("cache"),
      ruleLines().flatMap((line) => line.split(" ")),
    );
    assert.deepEqual(
      command("cache-of-cluster"),
      LEAST_OF_CLUSTER.map((each) => `+${each.command}`),
    );
    assert.ok(page.includes(`\`${keyRules("").join(" ")}\``));
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
