// The public face of express-tenant-cache/testing/store: the contract that a store of one's own must pass.
export type { StorePart } from "../../store/store-parts.js";
export { type StoreCase, type StoreContractOptions, storeContract } from "./store-contract.js";
