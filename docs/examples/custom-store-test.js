// The store contract, run against a store of one's own by Node's test runner; any other runner's `test` does as well.
import { test } from "node:test";
import { storeContract } from "express-tenant-cache/testing/store";
import { cache, DiskStore } from "./custom-store.js";

await cache.close(); // that of the example itself

const contract = storeContract({
  open: () => new DiskStore(),
  without: ["keyed", "quota"],
});
for (const { name, run } of contract) test(name, run);
