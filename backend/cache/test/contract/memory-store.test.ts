// The store contract, for the in-process store.
import { KeySpace } from "../../src/store/key-space.js";
import { MemoryStore } from "../../src/store/memory-store.js";
import { describeStore } from "./store-contract.js";

const MIB = 1024 * 1024;

describeStore("memory", async () => {
  const store = new MemoryStore({ maxBytes: 16 * MIB, maxTenantBytes: 4 * MIB });
  return { store, keys: new KeySpace("", false), close: () => store.close() };
});
