// The commands of `npm run audit` that need the database: against DATABASE_URL, or the one that `npm start` runs.
// Tests: test/faults/audit-command.test.ts
import { createWriteStream, existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import path from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Pool, PoolClient } from "pg";
import { pino } from "pino";
import { checkpointsIn } from "../backend/config/audit-keys.js";
import { type Config, parseConfig } from "../backend/config.js";
import { noDatabase, withEmbeddedPostgres } from "../backend/db/embedded-postgres-running.js";
import { createPool } from "../backend/db/pool.js";
import { openCache } from "../backend/open-cache.js";
import { projectFile } from "../backend/project-root.js";
import { AuditBlocks } from "../backend/services/audit/audit-blocks.js";
import { openCheckpointer } from "../backend/services/audit/audit-service.js";
import { AuditTrail } from "../backend/services/audit/audit-trail.js";
import {
  type BundleOptions,
  consistencyBundle,
  provenBundle,
  wholeBundle,
} from "../backend/services/audit/bundle.js";
import { originOf } from "../backend/services/audit/checkpointer.js";
import { type IntegrityState, parseState } from "../backend/services/audit/integrity.js";
import { pruneTenant } from "../backend/services/audit/retention/prune.js";
import { parseSignerKey } from "../backend/services/audit/signed-note.js";
import { EXIT, type Result } from "./audit/exit.js";

interface TenantOptions {
  readonly tenant?: string;
  readonly data?: string;
}

/** The database against what was published; `--state` is where it goes on. */
export async function verifyDatabase({
  tenant = "",
  data,
  state,
}: TenantOptions & { readonly state?: string }): Promise<Result> {
  return await withPool(data, async (pool, config) => {
    const checkpointer = openCheckpointer(pool, config.audit, SILENT);
    const trail = new AuditTrail({ pool, checkpointer, pseudonym: NO_SUBJECTS });
    const from =
      state !== undefined && existsSync(state) ? parseState(readFileSync(state, "utf8")) : undefined;
    const keep = (proven: IntegrityState) => {
      if (state === undefined) return;
      writeFileSync(`${state}.new`, JSON.stringify(proven));
      renameSync(`${state}.new`, state);
    };
    const report = await trail.verifyAuditIntegrity(tenant.toLowerCase(), {
      ...(from && { from }),
      onProven: keep,
    });
    const { valid, errors, size, provenSize } = report;
    const places = checkpointer.places.map(({ name }) => name);
    const against =
      places.length > 0
        ? places.join(" and ")
        : "the database's own checkpoints: AUDIT_CHECKPOINT_DIR names no other place";
    const lines = valid
      ? [`valid: ${provenSize} of ${size} records are proven, against ${against}`]
      : [`NOT VALID: tenant ${tenant}`, ...errors];
    return { exitCode: valid ? EXIT.done : EXIT.invalid, lines, data: { tenant, ...report, places } };
  });
}

interface ProveOptions extends TenantOptions {
  readonly index?: number;
  readonly size?: number;
  readonly from?: number;
  readonly to?: number;
  readonly out?: string;
}

export async function prove({ index, size, from = 0, to, ...options }: ProveOptions): Promise<Result> {
  return await written(options, (bundle) =>
    index === undefined
      ? consistencyBundle(bundle, { from, to })
      : provenBundle(bundle, { from: index, to: index + 1, size }),
  );
}

export async function exportRecords({ from, to, ...options }: ProveOptions): Promise<Result> {
  return await written(options, async function* (bundle) {
    if (from === undefined && to === undefined) return yield* wholeBundle(bundle);
    yield* provenBundle(bundle, { from: from ?? 0, ...(await lastOf(bundle, to)) });
  });
}

async function lastOf({ client, tenantId }: BundleOptions, to: number | undefined): Promise<{ to: number }> {
  if (to !== undefined) return { to };
  const { rows } = await client.query<{ size: string }>(
    "SELECT coalesce(max(tree_size), 0) AS size FROM audit_checkpoints WHERE tenant_id = $1",
    [tenantId],
  );
  return { to: Number(rows[0]?.size) };
}

/** In one snapshot: what is pruned meanwhile does not tear the bundle. */
async function written(
  { tenant = "", data, out }: ProveOptions,
  bundleOf: (options: BundleOptions) => AsyncIterable<string>,
): Promise<Result> {
  return await withPool(data, async (pool, config) => {
    const client = await pool.connect();
    try {
      await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
      const key = parseSignerKey(config.audit.signingKey);
      const lines = Readable.from(
        bundleOf({ client: client as PoolClient, tenantId: tenant.toLowerCase(), key }),
      );
      if (out === undefined) for await (const line of lines) process.stdout.write(line);
      else await pipeline(lines, createWriteStream(out));
      await client.query("COMMIT");
      const told =
        out === undefined
          ? []
          : [`written: ${out}`, `verify it with: npm run audit -- verify ${out} --key ${key.text}`];
      return {
        exitCode: EXIT.done,
        lines: told,
        data: { tenant, origin: originOf(key, tenant), key: key.text, out },
      };
    } finally {
      client.release(true);
    }
  });
}

/** By the tenant's retention policy: what is not said is counted only. */
export async function prune({
  tenant = "",
  data,
  yes = false,
}: TenantOptions & { readonly yes?: boolean }): Promise<Result> {
  return await withPool(data, async (pool, config) => {
    const cache = openCache(
      { ...config, CACHE_BUDGET_MS: Math.max(config.CACHE_BUDGET_MS, PATIENT_BUDGET_MS) },
      { tenant: () => undefined, logger: SILENT },
    );
    let isForgotten = true;
    try {
      await cache.ready(PATIENT_BUDGET_MS);
      const blocks = new AuditBlocks({ pool, cache });
      const classes = await pruneTenant({
        pool,
        tenantId: tenant.toLowerCase(),
        isDryRun: !yes,
        dependencies: { pseudonym: NO_SUBJECTS },
        onPruned: async (tenantId, indexes) => {
          if (!(await blocks.forget(tenantId, indexes))) isForgotten = false;
        },
      });
      const done = yes ? "pruned" : "would be pruned";
      const lines = classes.map(
        ({ dataClass, retentionDays, cutoff, over, held }) =>
          `${dataClass}: ${over} records from before ${cutoff} (${retentionDays} days) ${done}, ${held} on legal hold stay`,
      );
      if (!yes) lines.push("nothing was changed: write --yes to do it");
      if (!isForgotten) lines.push(NOT_FORGOTTEN);
      const exitCode = isForgotten ? EXIT.done : EXIT.incomplete;
      return { exitCode, lines, data: { tenant, isDryRun: !yes, classes, isForgotten } };
    } finally {
      await cache.close();
    }
  });
}

const PATIENT_BUDGET_MS = 5000;
const NOT_FORGOTTEN =
  "incomplete: the Redis of REDIS_CACHE_URL did not confirm that copies of blocks are gone; clear them when it is back: npm run admin -- cache clear";

const SILENT = pino({ level: "silent" });

/** Nothing that is done here is about a person. */
const NO_SUBJECTS = async () => "";

async function withPool<T>(
  folder: string | undefined,
  work: (pool: Pool, config: Config) => Promise<T>,
): Promise<T> {
  if (existsSync(projectFile(".env"))) process.loadEnvFile(projectFile(".env"));
  const data = path.resolve(folder ?? projectFile(".data"));
  const env = await withEmbeddedPostgres(process.env, data);
  if (!env.DATABASE_URL && !env.DATABASE_URL_FILE) throw new Error(noDatabase(data));
  const isOwn = !process.env.DATABASE_URL && !process.env.DATABASE_URL_FILE;
  const config = parseConfig({ ...env, ...(isOwn && checkpointsIn(data, env)) });
  const pool = createPool({ databaseUrl: config.DATABASE_URL, max: 3, onError: () => undefined });
  try {
    return await work(pool, config);
  } finally {
    await pool.end();
  }
}
