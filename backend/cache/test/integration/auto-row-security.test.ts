// What row security shows about a statement's rows, and what it does not.
import assert from "node:assert/strict";
import { afterAll, beforeAll, test } from "@jest/globals";
import { openStatements, type World } from "../support/auto-statements.js";

let world: World;
beforeAll(async () => {
  world = await openStatements();
});
afterAll(() => world.close());

const secured = "SELECT * FROM secured";

test("row security stands for a condition, where its setting was set to the tenant", () => {
  assert.equal(world.concluded(secured, [], { "app.tenant": "t1" }), "secured");
  assert.equal(world.concluded(secured, [], { "app.tenant": "t9" }), "all-tenants");
  assert.equal(world.concluded(secured, []), "changing-value");
});

test("it does not where another policy lets other rows through, whose tables are read as well", () => {
  assert.equal(world.concluded("SELECT * FROM half", [], { "app.tenant": "t1" }), "all-tenants");
  const own = "SELECT * FROM half WHERE tenant_id = $1";
  assert.equal(world.concluded(own, ["t1"], { "app.tenant": "t1" }), "half rates");
});

test("it does not in a view, where it may be its owner's", () => {
  assert.equal(world.concluded("SELECT * FROM over_secured", [], { "app.tenant": "t1" }), "all-tenants");
});
