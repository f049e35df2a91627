// The options of the feed: which tables it covers, and how they name tenants, modules and tags.
// Tests: test/unit/refusals/feed-options.test.ts
import * as z from "zod";
import { TenantCacheError } from "../errors.js";
import { isModuleName, moduleNameAdvice } from "../identifiers.js";
import { parse, positiveInt, registerCall } from "../options/parse.js";

/** What the feed asks of a database: `query` of a `Pool` of node-postgres, or of what behaves like it. */
export interface FeedDatabase {
  query(text: string, values?: unknown[]): Promise<{ readonly rows: readonly unknown[] }>;
}

/** What a table's rows mean to the cache. */
export interface FeedTable {
  /** The module of the routes that show these rows. Default: the table's name, without its schema. */
  readonly module?: string;
  /** The column that names the tenant; `null` where the rows belong to all tenants. */
  readonly tenant: string | null;
  /**
   * Columns whose values are tags: `["id"]` makes `accounts-42` of a row of module `accounts`; `{ id: "account-" }` makes `account-42`.
   * Default none.
   */
  readonly tags?: readonly string[] | Readonly<Record<string, string>>;
}

export interface FeedOptions {
  /** A pool of node-postgres that leads to the primary, also through transaction pooling. */
  readonly database: FeedDatabase;
  /** By name, as SQL writes it: `accounts`, `sales.orders`, `"Orders"`. */
  readonly tables: Readonly<Record<string, FeedTable>>;
  /** Where the feed's own objects are, one for each cache that reads the database. Default `"etc_feed"`. */
  readonly schema?: string;
  /**
   * The role without login that owns them; made where it is missing. `null`: the user who installs them. Default `"etc_feed_owner"`.
   */
  readonly ownerRole?: string | null;
  /** Roles whose processes drain, beside the one that installs. Default none. */
  readonly readers?: readonly string[];
  /** A statement that changes more rows than this counts as a change of all that its tenants have. Default 100. */
  readonly maxTags?: number;
  /** How long after a COMMIT reads may show the state from before it, milliseconds: 50 to 60,000. Default 250. */
  readonly maxDelayMs?: number;
  /** After how long without a covered read the database is left alone, milliseconds. Default 60,000. */
  readonly idleMs?: number;
  /** How often the triggers are compared with the declaration, milliseconds. Default 60,000. */
  readonly verifyMs?: number;
  /** How often the way from COMMIT to fence is measured by a row of the feed's own, milliseconds; 0: never. Default 5,000. */
  readonly probeMs?: number;
}

/** A declared table, completed. */
export interface CoveredTable {
  readonly name: string;
  readonly module: string;
  readonly tenant: string | null;
  readonly tags: readonly { readonly column: string; readonly prefix: string }[];
}

export interface ParsedFeedOptions {
  readonly database: FeedDatabase;
  readonly tables: readonly CoveredTable[];
  readonly schema: string;
  readonly ownerRole: string | null;
  readonly readers: readonly string[];
  readonly maxTags: number;
  readonly maxDelayMs: number;
  readonly idleMs: number;
  readonly verifyMs: number;
  readonly probeMs: number;
}

const PLAIN_NAME = /^[a-z_][a-z0-9_]{0,39}$/;
const plainName = z.string().regex(PLAIN_NAME, {
  error: 'write a plain SQL name such as "etc_feed": a-z, 0-9, "_", at most 40 characters',
});
const column = z.string().min(1).max(63);
const TAG_PREFIX = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/;
const database = z
  .custom<FeedDatabase>((value) => typeof (value as Partial<FeedDatabase> | null)?.query === "function", {
    error: "write a pool of node-postgres: new Pool({ connectionString })",
  })
  .describe("a pool of node-postgres");
const tag = z.string().regex(TAG_PREFIX, { error: 'write what tags begin with, such as "account-"' });
const table = z.strictObject({
  module: z
    .custom<string>(isModuleName, {
      error: ({ input }) => moduleNameAdvice(input),
      params: { code: "ETC_MODULE_NAME" },
    })
    .describe('a module name such as "accounts"')
    .optional(),
  tenant: column.nullable(),
  tags: z.union([z.array(column), z.record(column, tag)]).default([]),
});
const ms = (least: number, most: number) => z.int().min(least).max(most);
const schema = z.strictObject({
  database,
  tables: z
    .record(z.string().min(1), table)
    .refine((tables) => Object.keys(tables).length > 0, { error: "name at least one table" }),
  schema: plainName.default("etc_feed"),
  ownerRole: plainName.nullable().default("etc_feed_owner"),
  readers: z.array(z.string().min(1)).default([]),
  maxTags: positiveInt.max(10_000).default(100),
  maxDelayMs: ms(50, 60_000).default(250),
  idleMs: ms(1000, 86_400_000).default(60_000),
  verifyMs: ms(100, 3_600_000).default(60_000),
  probeMs: ms(0, 3_600_000).default(5000),
});

registerCall(
  "createFeed",
  'createFeed({ database: pool, tables: { accounts: { module: "accounts", tenant: "tenant_id" } } })',
  schema,
);

/** @throws TenantCacheError `ETC_MODULE_NAME` where a table's name is none */
function moduleOf(table: string): string {
  const name = table.replace(/^.*\./, "").replaceAll('"', "");
  if (isModuleName(name)) return name;
  throw new TenantCacheError(
    "ETC_MODULE_NAME",
    `createFeed: tables: ${table}: ${moduleNameAdvice(name)}; give the table a module: { module: "accounts", tenant: "tenant_id" }`,
  );
}

/** @throws TenantCacheError `ETC_OPTIONS`, `ETC_MODULE_NAME` */
export function parseFeedOptions(options: FeedOptions): ParsedFeedOptions {
  const parsed = parse("createFeed", schema, options);
  const tables = Object.entries(parsed.tables).map(([name, { module = moduleOf(name), tenant, tags }]) => ({
    name,
    module,
    tenant,
    tags: Array.isArray(tags)
      ? tags.map((each) => ({ column: each, prefix: `${module}-` }))
      : Object.entries(tags).map(([each, prefix]) => ({ column: each, prefix })),
  }));
  return { ...parsed, tables };
}
