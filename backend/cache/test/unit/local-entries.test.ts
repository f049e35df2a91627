// The in-process tier's bound: bytes of all that an entry holds.
import assert from "node:assert/strict";
import { test } from "@jest/globals";
import { LocalEntries } from "../../src/engine/local-entries.js";

test("headers count against the bound, as bodies do", () => {
  const local = new LocalEntries(100_000, 100_000);
  const entry = {
    identity: "t accounts []",
    fences: "run,a,b",
    createdAt: 0,
    staleAt: Date.now() + 60_000,
    expiresAt: Date.now() + 60_000,
    status: 200,
    statusMessage: "",
    etag: "",
    headers: [["Link", "x".repeat(20_000)]] as const,
    removedHeaders: [],
    body: Buffer.from("small"),
    variants: [],
  };
  for (let index = 0; index < 20; index++) {
    const place = { tenant: "t", module: "accounts", entryKey: `key-${index}`, leaseKey: `lease-${index}` };
    const rules = { fenceKeys: [], settleMs: 0, maxStaleness: 0, maxEntries: 1000 };
    local.set({ ...place, ...rules, identity: entry.identity }, entry);
  }
  assert.equal(local.size, 2);
});
