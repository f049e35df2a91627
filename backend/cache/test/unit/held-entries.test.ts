// An inventory, added up by tenant and module.
import assert from "node:assert/strict";
import { test } from "@jest/globals";
import { HeldEntries } from "../../src/store/held-entries.js";

test("sums are of a tenant, of a module, of both, and of all", () => {
  const held = new HeldEntries({
    rows: [
      { tenant: "a", module: "orders", entries: 2, bytes: 20 },
      { tenant: "b", module: "orders", entries: 3, bytes: 300 },
      { tenant: "a", module: "leads", entries: 5, bytes: 5 },
    ],
    complete: true,
  });
  assert.deepEqual(held.of(undefined), { entries: 10, bytes: 325 });
  assert.deepEqual(held.of(undefined, "orders"), { entries: 5, bytes: 320 });
  assert.deepEqual(held.of("a"), { entries: 7, bytes: 25 });
  assert.deepEqual(held.of("a", "leads"), { entries: 5, bytes: 5 });
  for (const none of [held.of("nobody"), held.of("b", "leads"), held.of("nobody", "orders")])
    assert.deepEqual(none, { entries: 0, bytes: 0 });
  assert.deepEqual(held.tenants, ["b", "a"]);
  assert.deepEqual([...held.modulesOf("a")], ["orders", "leads"]);
  assert.deepEqual([...held.modulesOf(undefined)], ["orders", "leads"]);
});
