// Which tenants are told apart: who is busy now, and not who came first or was busy once.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import { BusiestTenants } from "../../src/advice/busiest-tenants.js";
import { SampleColumns } from "../../src/advice/sample-columns.js";
import { mixed } from "../../src/advice/text-hash.js";

const namesOf = (tenants: BusiestTenants) => tenants.all().map(({ name }) => name);

describe("the busiest tenants", () => {
  test("each has its own sample while there are few, and all of the keys", () => {
    const tenants = new BusiestTenants(new SampleColumns(64));
    const [a, b] = [tenants.of("a"), tenants.of("b")];
    assert.notEqual(a, b);
    assert.equal(tenants.of("a"), a);
    assert.deepEqual(namesOf(tenants), ["a", "b"]);
    for (const sample of [a, b]) for (let n = 0; n < 100; n++) sample.admit(mixed(n) >>> 1, 0);
    assert.ok(a.keys + b.keys <= 64 && a.keys >= 29);
  });

  test("whoever becomes busy takes the place of the quietest, whose places are free again", () => {
    const tenants = new BusiestTenants(new SampleColumns(64));
    for (let n = 0; n < 1000; n++) tenants.of(`quiet-${n % 100}`).admit(mixed(n) >>> 1, 0);
    assert.equal(namesOf(tenants).length, 16);
    for (let n = 0; n < 6000; n++) {
      tenants.of("busy").admit(mixed(n) >>> 1, 0);
      tenants.of(`quiet-${n % 100}`);
    }
    assert.ok(namesOf(tenants).includes("busy"));
    assert.equal(namesOf(tenants).length, 16);
    assert.ok(tenants.all().reduce((sum, { keys }) => sum + keys, 0) <= 64);
  });

  test("where all are alike nobody is exchanged for the next", () => {
    const tenants = new BusiestTenants(new SampleColumns(64));
    for (let n = 0; n < 16; n++) tenants.of(`t-${n}`);
    const before = namesOf(tenants);
    for (let n = 0; n < 200_000; n++) tenants.of(`t-${mixed(n) % 1000}`);
    const stayed = namesOf(tenants).filter((name) => before.includes(name)).length;
    assert.ok(stayed >= 8, `${stayed}`);
  });
});
