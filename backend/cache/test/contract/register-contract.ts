// Registers the shipped store contract with Jest, for one of the library's own stores.
import { describe, test } from "@jest/globals";
import { type StoreContractOptions, storeContract } from "../../src/testing/store-contract/index.js";

export function describeStore(name: string, options: StoreContractOptions): void {
  describe(`store contract: ${name}`, () => {
    for (const { name, run } of storeContract(options)) test(name, run);
  });
}
