// A feed on a database that is made up: a test says whether it answers, what it covers, and what a replica of it has.
import { captureBody } from "../../src/feed/capture-function.js";
import { captureName } from "../../src/feed/capture-names.js";
import { TRIGGERS } from "../../src/feed/capture-schema.js";
import { parseFeedOptions } from "../../src/feed/feed-options.js";
import type { Catalogue } from "../../src/feed/feed-problems.js";
import { createFeed, type Feed, type FeedDatabase, type FeedOptions } from "../../src/feed/index.js";

export interface StubFeed {
  readonly feed: Feed;
  readonly replica: FeedDatabase;
  answers: boolean;
  covers: boolean;
  isCaughtUp: boolean;
}

const WRITTEN = 1_000_000;

export function stubFeed(modules: readonly string[], options: Partial<FeedOptions>): StubFeed {
  let marker: string | null = null;
  const tables = Object.fromEntries(modules.map((module) => [module, { module, tenant: "tenant_id" }]));
  const database: FeedDatabase = {
    query: async (text, values) => {
      if (!stub.answers) throw new Error("away");
      if (text.includes(".begin($1)")) marker = String(values?.[0]);
      return { rows: [text.includes("pg_inherits") ? catalogue() : glimpse()] };
    },
  };
  const declared: FeedOptions = { database, tables, probeMs: 0, ...options };
  const glimpse = () => ({
    ...{ snapshot: "10:10:", standby: false, server: "1 1", marker, overflows: "1 f", changes: [] },
    ...{ lsn: String(WRITTEN), xid: "10" },
  });
  const catalogue = (): Catalogue => {
    const parsed = parseFeedOptions(declared);
    return {
      own: { relations: stub.covers ? 1000 : 0, secured: null },
      functions: Object.fromEntries(
        parsed.tables.map((table) => [captureName(table), captureBody(table, parsed)]),
      ),
      relations: parsed.tables.map(({ name }) => ({
        table: name,
        relation: name,
        relkind: "r",
        triggers: TRIGGERS.map(({ name, enabled }) => [`etc_feed_${name}`, enabled, true]),
        columns: [["tenant_id", false]],
      })),
    };
  };
  const stub: StubFeed = {
    feed: createFeed(declared),
    answers: true,
    covers: true,
    isCaughtUp: true,
    replica: {
      query: async () => ({ rows: [{ marker, lsn: String(stub.isCaughtUp ? WRITTEN : WRITTEN - 1) }] }),
    },
  };
  return stub;
}
