// Copies of a tenant's tables and published file in memory: what a superuser does to rows, without PostgreSQL for each time.
import type { Pool } from "pg";
import type { CheckpointPlace, PlaceEntry } from "../../services/audit/checkpoint-place.js";
import { sizeOf } from "../../services/audit/checkpoint-place.js";
import { openTenantCheckpoint } from "../../services/audit/checkpointer.js";
import { type IntegrityReport, verifyIntegrity } from "../../services/audit/integrity.js";
import {
  type IntegrityBatch,
  integritySource,
  type StoredRecord,
} from "../../services/audit/integrity-source.js";
import type { Checkpoint } from "../../services/audit/signed-note.js";
import { TENANT } from "./audit-database.js";
import { LOG_KEY } from "./audit-log.js";

/** The same few notes thousands of times: their signatures are verified once. */
const checkpoints = new Map<string, Checkpoint | undefined>();
function opened(note: string): Checkpoint | undefined {
  if (!checkpoints.has(note)) checkpoints.set(note, openTenantCheckpoint(note, [LOG_KEY], TENANT));
  return checkpoints.get(note);
}

export interface AuditCopy {
  readonly records: StoredRecord[];
  readonly nodes: IntegrityBatch["nodes"][number][];
  readonly checkpoints: IntegrityBatch["checkpoints"][number][];
  readonly published: readonly PlaceEntry[];
}

export async function copyOf(pool: Pool, place: CheckpointPlace): Promise<AuditCopy> {
  const source = integritySource(pool, TENANT);
  const { records, nodes, checkpoints } = await source.batch(0, await source.size());
  const published: PlaceEntry[] = [];
  for await (const entry of place.read(TENANT)) published.push(entry);
  return { records: [...records], nodes: [...nodes], checkpoints: [...checkpoints], published };
}

/** By the same code as the tables. */
export function verifyCopy({ records, nodes, checkpoints, published }: AuditCopy): Promise<IntegrityReport> {
  const notes = published.flatMap((entry) => ("note" in entry ? [entry.note] : []));
  const place: CheckpointPlace = {
    name: "copy",
    latest: async () => notes.toSorted((one, other) => sizeOf(other) - sizeOf(one))[0],
    publish: () => Promise.reject(new Error("a copy")),
    read: async function* () {
      yield* published;
    },
  };
  return verifyIntegrity({
    source: {
      size: async () => Math.max(-1, ...records.map(({ index }) => index)) + 1,
      batch: async (from, to) => ({
        records: records.filter(({ index }) => index >= from && index < to),
        nodes: nodes.filter(({ level, position }) => {
          const end = (position + 1) * 2 ** level;
          return end > from && end <= to;
        }),
        checkpoints: checkpoints.filter(({ size }) => size > from && size <= to),
      }),
      recordById: async (id) =>
        records.find(({ content }) => content !== null && JSON.parse(content).id === id)?.content ??
        undefined,
    },
    tenantId: TENANT,
    places: [place],
    opened,
  });
}
