// Calls of `touched`, `transaction` and `asTenant` that are refused, and what they say.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import type { TenantCache, TenantCacheError } from "../../../src/index.js";
import { openCache } from "../../support/caches.js";
import { any } from "../../support/refused-calls.js";

describe("calls of touched that are refused", () => {
  let cache: TenantCache;
  beforeAll(async () => {
    cache = await openCache("memory");
  });
  afterAll(() => cache.close());

  const refused: [name: string, call: () => unknown, code: TenantCacheError["code"], words: RegExp][] = [
    ["no module", () => Reflect.apply(cache.touched, cache, []), "ETC_MODULE_NAME", /touched/],
    ["a wrong module", () => cache.touched("Orders"), "ETC_MODULE_NAME", /"orders"/],
    ["a wrong tag", () => cache.touched("orders", "a b"), "ETC_TAG", /"a-b"/],
    ["a number as tag", () => cache.touched("orders", any(7)), "ETC_TAG", /"account-7"/],
    [
      "what has no text as tag",
      () => cache.touched("orders", any(Object.create(null))),
      "ETC_TAG",
      /an object/,
    ],
    ["nothing in it", () => cache.touched({ tenant: "t" }), "ETC_OPTIONS", /at least one module or tag/],
    [
      "an unknown option",
      () => cache.touched({ tenantId: "t", modules: ["orders"] } as never),
      "ETC_OPTIONS",
      /tenantId/,
    ],
    [
      "both forms",
      () => Reflect.apply(cache.touched, cache, [{ modules: ["orders"] }, "tag"]),
      "ETC_ARGUMENTS",
      /one object/,
    ],
    ["no tenant", () => cache.touched("orders"), "ETC_TENANT_ID", /invalidateTouched\(\)/],
    [
      "a tenant that is none",
      () => cache.touched({ tenant: "a b", modules: ["orders"] }),
      "ETC_TENANT_ID",
      /a b/,
    ],
    [
      "the middleware, not called",
      () => Reflect.apply(cache.invalidateTouched, cache, [{ method: "GET", url: "/", headers: {} }]),
      "ETC_ARGUMENTS",
      /invalidateTouched\(\)/,
    ],
  ];
  for (const [name, call, code, words] of refused)
    test(name, () => {
      assert.throws(call, (error: TenantCacheError) => error.code === code && words.test(error.message));
    });

  test("a transaction without work, or with what it does not take", async () => {
    const work = async () => undefined;
    for (const [args, code] of [
      [[undefined], "ETC_ARGUMENTS"],
      [[work, {}], "ETC_ARGUMENTS"],
    ] as const)
      await assert.rejects(Reflect.apply(cache.transaction, cache, [...args]), { code });
  });

  test("a job without tenant or work, or with more", async () => {
    const work = async () => undefined;
    for (const [args, code] of [
      [[work], "ETC_TENANT_ID"],
      [["a b", work], "ETC_TENANT_ID"],
      [["t"], "ETC_ARGUMENTS"],
      [["t", work, 1], "ETC_ARGUMENTS"],
    ] as const)
      await assert.rejects(Reflect.apply(cache.asTenant, cache, [...args]), { code });
  });
});
