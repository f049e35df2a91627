// Wrong options of the feed are refused where they are given, with what to write instead.
import { describe, expect, test } from "@jest/globals";
import { afterTest } from "../../../../servers/in-test.js";
import { createFeed } from "../../../src/feed/index.js";
import { createTenantCache, MemoryStore, type TenantCacheOptions } from "../../../src/index.js";

const database = { query: async () => ({ rows: [] }) };
const tables = { accounts: { module: "accounts", tenant: "tenant_id" } };
const declared = (options: object) => () => createFeed({ database, tables, ...options } as never);
const table = (options: object) => declared({ tables: { accounts: { ...tables.accounts, ...options } } });

describe("createFeed refuses", () => {
  test("what is no pool, no table, no module, no column", () => {
    expect(declared({ database: "postgres://x" })).toThrow(/ETC_OPTIONS.*pool of node-postgres/);
    expect(declared({ tables: {} })).toThrow(/ETC_OPTIONS.*at least one table/);
    expect(table({ module: "Accounts" })).toThrow(/ETC_MODULE_NAME/);
    expect(table({ tenant: undefined })).toThrow(/ETC_OPTIONS/);
    expect(table({ tags: { id: "account:" } })).toThrow(/ETC_OPTIONS.*account-/);
  });

  test("names that would be SQL, unknown options and bounds that cannot be kept", () => {
    for (const schema of ["a;b", 'a"b', "Feed", ""]) expect(declared({ schema })).toThrow(/ETC_OPTIONS/);
    expect(declared({ table: {} })).toThrow(/ETC_OPTIONS/);
    expect(declared({ maxDelayMs: 10 })).toThrow(/ETC_OPTIONS/);
    expect(declared({ maxTags: 0 })).toThrow(/ETC_OPTIONS/);
  });
});

test("createTenantCache refuses what is no feed, and a store without a place for it", () => {
  const open = (options: object) => () =>
    createTenantCache({ tenant: () => undefined, ...options } as TenantCacheOptions);
  expect(open({ feed: { database, tables } })).toThrow(/ETC_OPTIONS.*createFeed/);
  const store = () => {
    const own = new MemoryStore({ maxBytes: 1000, maxTenantBytes: 1000 });
    Object.defineProperty(own, "feed", { value: undefined });
    return own;
  };
  expect(open({ feed: createFeed({ database, tables }), store })).toThrow(/ETC_STORE_PART.*feed/);
});

test("cacheList refuses a replica where nobody knows what it must have, and what is none", () => {
  const tenant = () => undefined;
  const plain = createTenantCache({ tenant });
  const fed = createTenantCache({ tenant, feed: createFeed({ database, tables }) });
  afterTest(async () => {
    await plain.close();
    await fed.close();
  });
  expect(() => plain.cacheList("accounts", { replica: database })).toThrow(/ETC_OPTIONS.*feed.*settleMs/);
  expect(() => fed.cacheList("rates", { replica: database })).toThrow(/ETC_OPTIONS.*"rates".*tables/);
  for (const replica of ["postgres://x", {}, true])
    expect(() => fed.cacheList("accounts", { replica } as never)).toThrow(/ETC_OPTIONS.*one replica/);
  fed.cacheList("rates", { replica: () => database, dependsOn: ["accounts"] });
});

test("createFeed refuses a NOTIFY that nobody hears, and a listener that nobody notifies", () => {
  const listen = () => ({}) as never;
  expect(table({ notify: true })).toThrow(/ETC_OPTIONS.*listen: \(\) => new pg\.Client/);
  expect(declared({ listen })).toThrow(/ETC_OPTIONS.*notify: true/);
  expect(declared({ listen: "postgres://x" })).toThrow(/ETC_OPTIONS.*pg\.Client/);
  expect(table({ notify: "yes" })).toThrow(/ETC_OPTIONS/);
  declared({ tables: { accounts: { ...tables.accounts, notify: true } }, listen })();
});
