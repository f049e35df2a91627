// The store contract, for the store that docs/examples shows; and what it says of stores that break it.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { pathToFileURL } from "node:url";
import { afterAll, describe, test } from "@jest/globals";
import { projectFile } from "../../../project-root.js";
import { MemoryStore, type Store, type TenantCache } from "../../src/index.js";
import { type StoreContractOptions, storeContract } from "../../src/testing/store-contract/index.js";
import { describeStore } from "./register-contract.js";

const { DiskStore, cache } = (await import(
  pathToFileURL(projectFile("docs", "examples", "custom-store.js")).href
)) as { readonly DiskStore: new () => Store; readonly cache: TenantCache };
afterAll(() => cache.close());

describeStore("the example of docs/use/creating-a-store.md", {
  open: () => new DiskStore(),
  without: ["keyed", "quota"],
});

const BOUNDS = { maxBytes: 16 * 1024 * 1024, maxTenantBytes: 4 * 1024 * 1024 };

/** Names of the cases that fail, and why. */
async function failures(options: StoreContractOptions): Promise<ReadonlyMap<string, string>> {
  const failed = new Map<string, string>();
  for (const { name, run } of storeContract(options))
    await run().catch((error: Error) => failed.set(name, error.message));
  return failed;
}

/** The in-process store, which changes what it tells about fences. */
function withFences(rewrite: (fence: string, key: string) => string): Store {
  const store = new MemoryStore(BOUNDS);
  const seen = new Map<string, string>();
  const told = (keys: readonly string[], fences: readonly (string | null)[]) =>
    fences.map((fence, index) => {
      if (fence === null) return null;
      const known = seen.get(`${keys[index]} ${fence}`) ?? rewrite(fence, keys[index] ?? "");
      seen.set(`${keys[index]} ${fence}`, known);
      seen.set(known, fence);
      return known;
    });
  return Object.assign(store, {
    read: async (...args: Parameters<Store["read"]>) => {
      const snapshot = await MemoryStore.prototype.read.apply(store, [args[0], args[1]]);
      return { ...snapshot, fences: told(args[0], snapshot.fences) };
    },
    beginFill: async (request: Parameters<Store["beginFill"]>[0]) => {
      const start = await MemoryStore.prototype.beginFill.call(store, request);
      return { ...start, fences: told(request.fenceKeys, start.fences) };
    },
    commitFill: (commit: Parameters<Store["commitFill"]>[0]) => {
      const fences = commit.fences.map((fence) => seen.get(fence) ?? fence);
      return MemoryStore.prototype.commitFill.call(store, { ...commit, fences });
    },
  });
}

describe("the store contract finds", () => {
  test("fences that do not say when they were set", async () => {
    const failed = await failures({
      open: () => withFences(() => randomUUID()),
      without: ["keyed", "sweep", "quota"],
    });
    assert.match(
      failed.get("a fence says when it was set, whatever has set it: settleMs reads that") ?? "",
      /no time in/,
    );
  });

  test("fences that keep the time of the first", async () => {
    const open = () => withFences((fence) => `${fence.split(".")[0]}.${Date.now() - 3_600_000}`);
    const failed = await failures({ open });
    assert.ok(failed.has("a fence says when it was set, whatever has set it: settleMs reads that"));
  });

  test("guarded writes that are not marked", async () => {
    const open = () => Object.assign(new MemoryStore(BOUNDS), { beginWrite: async () => undefined });
    assert.ok(
      (await failures({ open })).has(
        "a guarded write keeps its fences pending until it ends, and leaves new ones",
      ),
    );
  });

  test("fences that entries cannot carry", async () => {
    const failed = await failures({ open: () => withFences((fence) => `a,${fence}`) });
    assert.match(
      failed.get("a fence is printable ASCII without a comma, and so is the run id") ?? "",
      /commas/,
    );
  });

  test("parts that are left out and not named, and parts that are there and not tried", async () => {
    const leaner = () => Object.assign(new MemoryStore(BOUNDS), { sweep: undefined }) as unknown as Store;
    const leavesOut = "the store leaves out";
    assert.match((await failures({ open: leaner })).get(`${leavesOut} nothing`) ?? "", /without/);
    const failed = await failures({ open: leaner, without: ["sweep", "quota"] });
    assert.deepEqual([...failed.keys()], [`${leavesOut} sweep, quota`]);
    assert.equal((await failures({ open: leaner, without: ["sweep"] })).size, 0);
  });

  test("a store that never comes up, which it closes", async () => {
    let closed = 0;
    const open = () => {
      const store = new MemoryStore(BOUNDS);
      return Object.assign(store, { listen: () => undefined, close: async () => void closed++ });
    };
    const [first] = storeContract({ open });
    await assert.rejects(async () => first?.run(), /isInProcess: listen\(\) calls up\(\) at once/);
    assert.equal(closed, 1);
  });
});

describe("storeContract", () => {
  const open = () => new MemoryStore(BOUNDS);

  test("names its cases once each, and hands them over without parameters: runners count those", () => {
    const cases = storeContract({ open });
    assert.equal(new Set(cases.map(({ name }) => name)).size, cases.length);
    assert.deepEqual(
      cases.filter(({ run }) => run.length > 0),
      [],
    );
  });
});
