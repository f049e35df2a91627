// The READMEs against the code: the example runs and does what it says, the package's option tables list what is parsed.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import inject from "light-my-request";
import { projectFile, projectRoot } from "../../../project-root.js";
import { createFeed } from "../../src/feed/index.js";
import {
  type CacheListOptions,
  createTenantCache,
  type InvalidateOptions,
  type LaneOptions,
  MemoryStore,
  type TenantCacheOptions,
} from "../../src/index.js";
import { parseCacheOptions } from "../../src/options/cache-options.js";
import { parseInvalidateArguments } from "../../src/options/invalidate-options.js";
import { parseLaneOptions } from "../../src/options/lane-options.js";
import { parseRouteOptions } from "../../src/options/route-options.js";

const EXAMPLE = projectFile("docs", "examples", "quick-start.js");
const readme = readFileSync(projectFile("README.md"), "utf8");
const packageReadme = readFileSync(projectFile("backend", "cache", "README.md"), "utf8");

describe("the README's example", () => {
  let example: ChildProcess;
  let url: string;

  beforeAll(async () => {
    example = spawn(process.execPath, [EXAMPLE], {
      cwd: projectRoot,
      env: { ...process.env, PORT: "0", REDIS_CACHE_URL: undefined },
      stdio: ["ignore", "pipe", "inherit"],
    });
    assert.ok(example.stdout);
    const ended = once(example, "exit").then(([code]) => [`the example ended with ${code}`]);
    [url] = await Promise.race([once(createInterface(example.stdout), "line"), ended]);
    assert.match(url, /^http:/);
  });
  afterAll(async () => {
    if (example.exitCode !== null) return;
    example.kill();
    await once(example, "exit");
  });

  async function request(tenant: string, init: RequestInit = {}) {
    const response = await fetch(url, { ...init, headers: { "x-tenant": tenant, ...init.headers } });
    const status = response.headers.get("cache-status")?.replace(/; ttl=\d+$/, "");
    return { status, body: JSON.parse(await response.text()) };
  }

  test("is the file that runs here", () => {
    const block = /```js\n(.*?)```/s.exec(readme)?.[1];
    const file = readFileSync(EXAMPLE, "utf8").replace(/^\/\/.*\n/, "");
    assert.equal(block, file);
  });

  test("shows a miss, a hit, an invalidation, and another tenant's own list", async () => {
    const before = [{ tenant: "acme", name: "Example Ltd" }];
    const created = { tenant: "acme", name: "New Ltd" };
    assert.deepEqual(await request("acme"), {
      status: "express-tenant-cache; fwd=miss; stored",
      body: before,
    });
    assert.deepEqual(await request("acme"), { status: "express-tenant-cache; hit", body: before });
    const post = { method: "POST", headers: { "content-type": "application/json" } };
    await request("acme", { ...post, body: JSON.stringify({ name: created.name }) });
    assert.deepEqual(await request("acme"), {
      status: "express-tenant-cache; fwd=miss; stored",
      body: [...before, created],
    });
    assert.deepEqual(await request("other"), { status: "express-tenant-cache; fwd=miss; stored", body: [] });
  });
});

// Every option once; a new one that is missing here does not compile, one that the schema does not know is refused.
const CACHE: Required<TenantCacheOptions> = {
  redis: "redis://127.0.0.1:6379",
  store: () => new MemoryStore({ maxBytes: 1, maxTenantBytes: 1 }),
  tenant: () => undefined,
  scope: "tenant",
  authority: "key",
  privateResponses: "refuse",
  freshness: "strict",
  policies: { reference: { ttlSeconds: 1 } },
  enabled: true,
  keyPrefix: "",
  actor: () => undefined,
  requestId: () => undefined,
  causes: { secret: "0123456789abcdef", maxPerTenant: 1, shared: true } satisfies Required<
    Exclude<TenantCacheOptions["causes"], false>
  >,
  hash: "md5",
  budgetMs: 1,
  maxBodyBytes: 1,
  maxEntriesPerModule: 1,
  maxBytesPerTenant: 1,
  reservedBytesPerTenant: 1,
  maxPooledBytes: 1,
  encryption: { keys: [{ id: "a", secret: Buffer.alloc(32) }] },
  advice: { enabled: true, observeOnly: true, queries: () => 1 } satisfies Required<
    TenantCacheOptions["advice"]
  >,
  memory: { maxBytes: 1, maxTenantShare: 1 } satisfies Required<TenantCacheOptions["memory"]>,
  local: { maxBytes: 1, maxTenantShare: 1 } satisfies Required<TenantCacheOptions["local"]>,
  fill: { waitMs: 1, maxWaiting: 1, maxConcurrent: 1, maxRunMs: 1, retryAfterSeconds: 1 } satisfies Required<
    TenantCacheOptions["fill"]
  >,
  manager: { preset: "brief", maxEntriesPerDomain: 1, maxInflatedBytes: 1 } satisfies Required<
    TenantCacheOptions["manager"]
  >,
  maxPendingInvalidations: 1,
  serverTiming: false,
  compress: true,
  headers: { etag: true, cacheControl: true, cacheStatus: true } satisfies Required<
    TenantCacheOptions["headers"]
  >,
  metrics: {
    maxTenants: 1,
    maxModules: 1,
    reportIntervalMs: 1000,
    inventoryIntervalMs: 0,
  } satisfies Required<TenantCacheOptions["metrics"]>,
  telemetry: false,
  feed: createFeed({
    database: { query: async () => ({ rows: [] }) },
    tables: { accounts: { module: "accounts", tenant: "tenant_id" } },
  }),
  inject,
  logger: console,
};
const ROUTE: Required<CacheListOptions> = {
  policy: "reference",
  privateResponses: "refuse",
  enabled: true,
  ttlSeconds: 1,
  dependsOn: [],
  tags: () => [],
  scope: "tenant",
  authority: "ignore",
  vary: [],
  skip: () => false,
  shouldStore: () => true,
  varyBy: () => ({}),
  methods: ["POST"],
  body: { maxBytes: 1 } satisfies Required<CacheListOptions["body"]>,
  params: [],
  ignoreParams: [],
  query: () => undefined,
  statuses: [],
  maxBodyBytes: 1,
  settleMs: 0,
  replica: () => null,
  staleWhileRevalidate: 0,
  staleIfError: 0,
  obeyRequest: false,
  maxStaleness: 0,
  fill: { maxConcurrent: 1, waitMs: 1, maxRunMs: 1, retryAfterSeconds: 1 } satisfies Required<
    CacheListOptions["fill"]
  >,
  freshness: "strict",
  headers: { etag: true, cacheControl: true, cacheStatus: true } satisfies Required<
    CacheListOptions["headers"]
  >,
};
const INVALIDATE: Required<InvalidateOptions> = {
  modules: ["accounts"],
  tags: () => [],
  when: () => true,
  onUnreachable: "defer",
  guard: false,
  guardMs: 1,
};
const LANE: Required<LaneOptions> = {
  identify: () => undefined,
  use: [],
  maxRequests: 1,
  relearnSeconds: 1,
};

const TABLES = {
  TenantCacheOptions: {
    // One of the two places where entries may be.
    all: { ...parseCacheOptions({ ...CACHE, redis: undefined }), policies: "", feed: "" },
    defaults: { ...parseCacheOptions({ tenant: CACHE.tenant }), policies: undefined },
  },
  CacheListOptions: {
    all: { policy: "", ...parseRouteOptions(ROUTE, { reference: {} }) },
    defaults: parseRouteOptions(undefined),
  },
  InvalidateOptions: {
    all: parseInvalidateArguments([INVALIDATE]),
    defaults: { ...parseInvalidateArguments(["accounts"]), modules: [] },
  },
  LaneOptions: { all: parseLaneOptions(LANE), defaults: parseLaneOptions({ identify: LANE.identify }) },
};

test("the package's README tells every member of a cache", async () => {
  const cache = createTenantCache({ tenant: () => undefined });
  const [, table = ""] = packageReadme.split("| member | does |\n");
  const told = [...(table.split("\n\n", 1)[0] ?? "").matchAll(/^\| ((?:\\\||[^|])+) \|/gm)].flatMap(
    ([, cell = ""]) => [...cell.matchAll(/`(\w+)/g)].map(([, name]) => name),
  );
  assert.deepEqual([...new Set(told)].sort(), Object.keys(cache).sort());
  await cache.close();
});

describe("the option tables of the package's README", () => {
  for (const [name, { all, defaults }] of Object.entries(TABLES)) {
    const rows = tableOf(name);

    test(`${name}: the names are those that are parsed`, () => {
      assert.deepEqual([...rows.keys()].sort(), [...flatten(all).keys()].sort());
    });

    test(`${name}: the defaults are those that are parsed`, () => {
      for (const [option, value] of flatten(defaults)) {
        if (value === undefined || typeof value === "function" || value === console) continue;
        assert.equal(rows.get(option), `\`${JSON.stringify(value)}\``, option);
      }
    });
  }
});

/** The rows below `<!-- options: name -->`: option to default, as written. */
function tableOf(name: string): Map<string, string> {
  const [, table = ""] = packageReadme.split(`<!-- options: ${name} -->\n`);
  const [rows = ""] = table.split("\n\n", 1);
  return new Map(
    [...rows.matchAll(/^\| `([\w.]+)` \|[^|]*\| (.*?) \|/gm)].map((row) => [row[1] ?? "", row[2] ?? ""]),
  );
}

/** Groups of options become dotted names. */
function flatten(options: object): Map<string, unknown> {
  return new Map(
    Object.entries(options).flatMap(([name, value]: [string, unknown]) =>
      typeof value === "object" && value !== null && value !== console && !Array.isArray(value)
        ? Object.entries(value).map(([inner, of]): [string, unknown] => [`${name}.${inner}`, of])
        : [[name, value] as [string, unknown]],
    ),
  );
}
