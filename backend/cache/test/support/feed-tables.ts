// What the feed of tests declares, also in processes of their own.
export const TABLES = {
  accounts: { module: "accounts", tenant: "tenant_id", tags: ["id"] },
  orders: { module: "orders", tenant: "tenant_id" },
  rates: { module: "rates", tenant: null },
} as const;
