// The store contract, for the in-process store.
import { MemoryStore } from "../../src/store/memory-store.js";
import { describeStore } from "./register-contract.js";

const MIB = 1024 * 1024;

describeStore("memory", { open: () => new MemoryStore({ maxBytes: 16 * MIB, maxTenantBytes: 4 * MIB }) });
