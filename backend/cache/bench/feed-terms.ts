// What the suite `feed` and its app agree on: the declared tables and their tenants.
export const FEED_TENANTS = 50;
export const FEED_TABLES = {
  orders: { module: "orders", tenant: "tenant_id" },
  accounts: { module: "accounts", tenant: "tenant_id", tags: ["id"] },
} as const;
export type FeedTableName = keyof typeof FEED_TABLES;
export const FEED_TABLE_NAMES = Object.keys(FEED_TABLES) as FeedTableName[];

/** As a header says it, and as the tables hold it. */
export const feedTenant = (index: number): string => `t${index % FEED_TENANTS}`;
