// What the routes of records tell of themselves, for modules and services alike.
// Tests: test/http/openapi-contract.test.ts
import * as z from "zod";
import type { Facts } from "../http/openapi/facts.js";
import { dataOf } from "../http/openapi/named-schemas.js";
import { recordId } from "./field-types.js";
import type { ModuleDefinition } from "./module-definition.js";
import { countAnswer, pageOf } from "./record-schema.js";

/** Of a path with a record's id in it. */
export const idParams = z.strictObject({ id: recordId() });

/** What the routes of records answer, wherever they are mounted. */
export function recordFacts({ name, singular, record, constraints, frozenBy }: ModuleDefinition) {
  const conflicts = Object.keys(constraints).length > 0 ? [409] : [];
  const frozen = frozenBy ? [409] : [];
  const one = `${/^[aeio]/.test(singular) ? "an" : "a"} ${singular}`;
  const ofOne = { params: idParams };
  return {
    list: { summary: `List ${name}`, answers: { 200: pageOf(record) } },
    count: { summary: `Count ${name}`, answers: { 200: countAnswer } },
    create: { summary: `Create ${one}`, answers: { 201: dataOf(record) }, problems: conflicts },
    read: { summary: `Read ${one}`, answers: { 200: dataOf(record) }, problems: [404], ...ofOne },
    replace: {
      summary: `Replace ${one}`,
      answers: { 200: dataOf(record) },
      problems: [404, ...conflicts, ...frozen],
      ...ofOne,
    },
    delete: { summary: `Delete ${one}`, answers: { 204: "empty" }, problems: [404], ...ofOne },
  } satisfies Record<string, Facts>;
}
