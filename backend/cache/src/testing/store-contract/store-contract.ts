// `storeContract`: what every store must do, as cases that any test runner can run.
// Tests: test/contract/memory-store.test.ts
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import * as z from "zod";
import { refuseSurplus } from "../../options/arguments.js";
import { fn, parse, registerCall } from "../../options/parse.js";
import { KeySpace } from "../../store/key-space.js";
import type { Store } from "../../store/store.js";
import { type OptionalPart, offers, type StorePart } from "../../store/store-parts.js";
import { causeCases } from "./cause-cases.js";
import { type ContractCase, until } from "./contract-case.js";
import { fenceCases } from "./fence-cases.js";
import { fillCases } from "./fill-cases.js";
import { keyedCases } from "./keyed-cases.js";
import { leaseCases } from "./lease-cases.js";
import { listingCases } from "./listing-cases.js";
import { noteCases } from "./note-cases.js";
import { Places } from "./places.js";
import { quotaCases } from "./quota-cases.js";
import { sweepCases } from "./sweep-cases.js";

export interface StoreContractOptions {
  /**
   * Opens the store, as the option `store` of `createTenantCache` does: called once for each case, which
   * closes it at its end. All of them may use one server that holds nothing else.
   */
  readonly open: (keys: KeySpace) => Store | Promise<Store>;
  /**
   * What the store leaves out: its cases are left out, too, and that the store does not offer it is a case.
   * Default: nothing.
   */
  readonly without?: readonly StorePart[];
  /**
   * The names of the keys: for a store on a Cluster, which a store of one's own is not.
   * @internal
   */
  readonly keys?: () => KeySpace;
}

export interface StoreCase {
  /** Different for each case. */
  readonly name: string;
  /**
   * Rejects with an AssertionError of `node:assert` where the store does something else. Takes no arguments,
   * as runners count them.
   */
  readonly run: () => Promise<void>;
}

const PARTS = ["keyed", "sweep", "quota"] as const satisfies readonly StorePart[];

const options = z.strictObject({
  open: fn("(keys) => new MyStore(keys)"),
  without: z.array(z.enum(PARTS)).default([]),
  keys: fn("() => keys").optional(),
});

registerCall("storeContract", "storeContract({ open: (keys) => new MyStore(keys) })", options);

/**
 * The store contract: register each case with the test runner,
 * `for (const { name, run } of storeContract({ open })) test(name, run)`. Cases are independent of each other
 * and may run one after the other or at once, unless all of them use one server: then one after the other. A
 * store that passes keeps all of the cache's guarantees, `settleMs` and `guard` among them.
 *
 * @throws TenantCacheError `ETC_OPTIONS`, `ETC_ARGUMENTS`
 */
export function storeContract(given: StoreContractOptions, ...surplus: never[]): readonly StoreCase[] {
  refuseSurplus("storeContract", surplus, "one object: storeContract({ open, without })");
  const { without } = parse("storeContract", options, given);
  const isOffered = (part: OptionalPart) => !without.some((left) => left === part);
  const cases = [
    ...fillCases,
    ...leaseCases,
    ...fenceCases,
    ...keyedCases,
    ...sweepCases,
    ...quotaCases,
    ...causeCases,
    ...listingCases,
    ...noteCases,
  ];
  return [partsCase(without), ...cases]
    .filter(({ needs }) => needs.every(isOffered))
    .map(({ name, run }) => ({ name, run: () => runOn(given, run) }));
}

/** What is left out must be said: a part that nobody has tried is not to be offered. */
function partsCase(without: readonly StorePart[]): ContractCase {
  return {
    name: `the store leaves out ${without.length === 0 ? "nothing" : without.join(", ")}`,
    needs: [],
    run: async ({ store }) => {
      assert.deepEqual(
        PARTS.filter((part) => !offers(store, part)),
        PARTS.filter((part) => without.includes(part)),
        "say what the store leaves out: storeContract({ open, without })",
      );
    },
  };
}

async function runOn(given: StoreContractOptions, run: ContractCase["run"]): Promise<void> {
  const keys = given.keys?.() ?? new KeySpace(`test:${randomUUID()}:`, false);
  const store = await given.open(keys);
  try {
    await reachable(store);
    await run(new Places(store, keys));
  } finally {
    await store.close();
  }
}

async function reachable(store: Store): Promise<void> {
  let isUp = false;
  let reason = "listen() has called neither up nor down";
  store.listen({
    up: () => {
      isUp = true;
    },
    down: (why = "the connection is gone") => {
      isUp = false;
      reason = why;
    },
  });
  if (isUp) return;
  assert.ok(!store.isInProcess, "isInProcess: listen() calls up() at once");
  await until("the store reports that it is up", async () => isUp).catch((error: Error) => {
    error.message = `${error.message}; ${reason}`;
    throw error;
  });
}
