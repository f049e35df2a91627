// The options of the feed: which tables it covers, and how they name tenants, modules and tags.
// Tests: test/unit/refusals/feed-options.test.ts
import * as z from "zod";
import { TenantCacheError } from "../errors.js";
import { isModuleName, moduleNameAdvice } from "../identifiers.js";
import { fn, parse, positiveInt, registerCall } from "../options/parse.js";
import { type FeedDatabase, isDatabase } from "../queryable.js";

export type { FeedDatabase } from "../queryable.js";

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
  /**
   * Whether a change of it wakes the drain by NOTIFY. Commits of transactions that change such tables wait for each other, on the whole server;
   * others do not. Needs {@link FeedOptions.listen}. Default false.
   */
  readonly notify?: boolean;
}

/** A connection that nobody else uses: a `Client` of node-postgres. */
export interface FeedListener extends FeedDatabase {
  connect(): Promise<unknown>;
  end(): Promise<unknown>;
  on(
    event: "notification",
    heard: (notice: { channel: string; payload?: string | undefined }) => void,
  ): unknown;
  on(event: "error", failed: (error: Error) => void): unknown;
  on(event: "end", ended: () => void): unknown;
}

export interface FeedOptions {
  /**
   * A pool of node-postgres that leads to the primary, also through transaction pooling. The feed opens up to four connections of its own, with the pool's
   * options; what only has a `query(text, values)` is used as it is.
   */
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
  /**
   * Makes the connection by which the process that drains hears of changes of tables with `notify`: `() => new pg.Client(…)`. A session of its own, not
   * through transaction pooling. Nothing depends on it: it makes the way shorter. Default none.
   */
  readonly listen?: () => FeedListener;
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
  readonly notify: boolean;
}

export interface ParsedFeedOptions {
  readonly database: FeedDatabase;
  readonly tables: readonly CoveredTable[];
  readonly schema: string;
  readonly ownerRole: string | null;
  readonly readers: readonly string[];
  readonly listen?: (() => FeedListener) | undefined;
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
const database = z
  .custom<FeedDatabase>(isDatabase, {
    error: "write a pool of node-postgres: new Pool({ connectionString })",
  })
  .describe("a pool of node-postgres");
const TAG_PREFIX = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/;
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
  notify: z.boolean().default(false),
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
  listen: fn<() => FeedListener>("() => new pg.Client({ connectionString })").optional(),
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

/** Neither does anything without the other. */
function refuseUnheard(tables: readonly CoveredTable[], isListening: boolean): void {
  const isNotified = tables.some(({ notify }) => notify);
  if (isNotified === isListening) return;
  throw new TenantCacheError(
    "ETC_OPTIONS",
    isNotified
      ? "createFeed: notify needs listen, by which the drain hears of it: listen: () => new pg.Client({ connectionString })"
      : "createFeed: listen needs a table with notify: true, or nobody would be heard",
  );
}

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
  const tables = Object.entries(parsed.tables).map(
    ([name, { module = moduleOf(name), tenant, tags, notify }]) => ({
      name,
      module,
      tenant,
      notify,
      tags: Array.isArray(tags)
        ? tags.map((each) => ({ column: each, prefix: `${module}-` }))
        : Object.entries(tags).map(([each, prefix]) => ({ column: each, prefix })),
    }),
  );
  refuseUnheard(tables, parsed.listen !== undefined);
  return { ...parsed, tables };
}
