// The model of the protocol (backend/cache/model): no interleaving is stale, and each protection turned off is found.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ABLATIONS, type Configuration, LIMITS, PROMISES, REMEDIES } from "../../model/configurations.js";
import { search } from "../../model/search.js";
import { BASE } from "../../model/settings.js";

function check({ name, settings, holds, isLong }: Configuration): void {
  if (isLong) return;
  test(`${name}: ${holds ? "never stale" : "a counterexample is found"}`, () => {
    const { counterexample } = search(settings);
    if (holds) assert.equal(counterexample, undefined, counterexample?.join("\n"));
    else assert.match(counterexample?.at(-1) ?? "none found", /^STALE: /);
  });
}

describe("the model with every protection on", () => PROMISES.forEach(check));
describe("the model beyond what is promised", () => LIMITS.forEach(check));
describe("the model with a protection off", () => ABLATIONS.forEach(check));
describe("the model with a remedy", () => REMEDIES.forEach(check));

test("a search that would be cut short throws instead of saying that nothing was found", () => {
  assert.throws(() => search(BASE, 100), /more than 100 states/);
});
