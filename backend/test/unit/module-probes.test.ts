// `npm run test-cache` covers every module that has a cached list.
import assert from "node:assert/strict";
import { test } from "@jest/globals";
import { MODULE_PROBES } from "../../../scripts/test-cache/module-probe.js";
import { MODULES } from "../../modules/index.js";
import { SERVICES } from "../../services/index.js";
import { SAMPLE_MODULES } from "../support/records.js";

test("every module has a sample: without one no suite would try its routes", () => {
  assert.deepEqual(
    SAMPLE_MODULES.map(({ name }) => name),
    MODULES.map(({ name }) => name),
  );
});

test("every module with a list has a probe, whose document is valid", () => {
  const listed = SERVICES.flatMap(({ records }) => (records?.isListed ? [records.module] : []));
  const modules = [...MODULES, ...listed];
  assert.deepEqual(
    MODULE_PROBES.map(({ name }) => name),
    modules.map(({ name }) => name),
  );
  const anId = "11111111-0000-4000-8000-000000000001";
  for (const { name, document, parent } of MODULE_PROBES) {
    const body = { ...document(), ...(parent && { [parent.column]: anId }) };
    const module = modules.find((each) => each.name === name);
    assert.deepEqual(module?.document.safeParse(body).error, undefined, name);
  }
});
