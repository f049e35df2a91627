// Names of keys are read back as what they are, and as nothing else.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import { KeySpace } from "../../src/store/key-space.js";

describe("names of keys", () => {
  for (const hashTags of [false, true])
    test(hashTags ? "on a Cluster" : "on one server", () => {
      const keys = new KeySpace("crm:", hashTags);
      const tenant = "acme";
      const entry = keys.entry(tenant, "orders", "0a1b");
      const ofTenant = keys.fence(tenant);
      const ofModule = keys.fence(tenant, "orders");
      const ofAnyTag = keys.anyTagFence(tenant);
      const others = [
        keys.tagFence(tenant, "order-17"),
        keys.keyFence(tenant, "tag:-"),
        keys.keyFence(tenant, "orders:tag:-"),
        keys.patternFence(tenant, "tag:-"),
        keys.lease(tenant, "tag", "-"),
        new KeySpace("", hashTags).anyTagFence(tenant),
      ];
      const all = [entry, ofTenant, ofModule, ofAnyTag, ...others];
      const only = (isOne: (key: string) => unknown) => all.filter(isOne);
      assert.deepEqual(
        only((key) => keys.isAnyTagFence(key)),
        [ofAnyTag],
      );
      assert.deepEqual(
        only((key) => keys.parseFence(key)),
        [ofTenant, ofModule],
      );
      assert.deepEqual(keys.parseFence(ofTenant), { tenant, module: undefined });
      assert.deepEqual(keys.parseFence(ofModule), { tenant, module: "orders" });
      assert.deepEqual(
        only((key) => keys.parseEntry(key)),
        [entry],
      );
      assert.deepEqual(keys.parseEntry(entry), { tenant, module: "orders" });
    });
});
