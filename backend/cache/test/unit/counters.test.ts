// Figures of more tenants than are remembered: whose are kept.
import assert from "node:assert/strict";
import { test } from "@jest/globals";
import { Counters } from "../../src/engine/counters.js";

const TENANTS = 30_000;
const MODULES = ["accounts", "contacts", "orders"];

test("where there are too many tenants, the busy ones are kept, and the totals are of all", () => {
  const counters = new Counters();
  counters.add("hits", "busy", "accounts");
  for (let index = 0; index < TENANTS; index++) {
    for (const module of MODULES) counters.add("misses", `tenant-${index}`, module);
    counters.add("hits", "busy", "accounts");
  }
  assert.ok(counters.tenants().length < TENANTS / 2, "all were remembered: nothing is shown");
  assert.equal(counters.report("busy").totals.hits, TENANTS + 1);
  assert.equal(counters.report("busy").modules.accounts?.hits, TENANTS + 1);
  assert.equal(counters.report("tenant-0").totals.misses, 0);
  assert.equal(counters.report().totals.misses, TENANTS * MODULES.length);
});
