// Tables of wrong calls and of what their refusals must say.
import assert from "node:assert/strict";
import { test } from "@jest/globals";
import { TenantCacheError } from "../../src/index.js";

export type Call = () => unknown;

/** A call, and the parts of its refusal in their order, with `~` between: the option's name ~ what was given ~ what to write. */
export type RefusedCall = readonly [call: Call, says: string];

/** Values as a caller without types might pass them. */
export const any = (value: unknown) => value as never;

/** A call with arguments that its type does not allow. */
export const called =
  (owner: object, method: string, ...given: readonly unknown[]): Call =>
  () =>
    Reflect.apply(Reflect.get(owner, method), owner, given);

/** The message of the library's own error, which the call throws or rejects with. */
export async function refusalOf(call: Call): Promise<string> {
  try {
    await call();
  } catch (error) {
    if (error instanceof TenantCacheError) return error.message;
    throw error;
  }
  return assert.fail(`${call} was not refused`);
}

/** One test for a table. */
export function testRefusals(name: string, cases: readonly RefusedCall[]): void {
  test(name, async () => {
    for (const [call, says] of cases) {
      const message = await refusalOf(call);
      let rest = message;
      for (const part of says.split(" ~ ")) {
        const start = rest.indexOf(part);
        assert.notEqual(start, -1, `"${part}" of "${says}" in "${message}"`);
        rest = rest.slice(start + part.length);
      }
    }
  });
}
