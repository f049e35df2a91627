// Where checkpoints are published: places that the database's role cannot write. What is written there is lines of JSON.
// Tests: test/integration/audit-checkpoints.test.ts, test/unit/checkpoint-places.test.ts
import { HASH_BYTES } from "./merkle.js";
import { parseCheckpoint, parseNote } from "./signed-note.js";

/** Hashes of leaves, one after the other: with them a changed record is found by its index, and the tree can be built again. */
export interface LeafChunk {
  readonly from: number;
  readonly leaves: Buffer;
}

export type PlaceEntry = LeafChunk | { readonly note: string };

export interface Publication {
  readonly size: number;
  readonly note: string;
  /** The leaves from an index up to `size`. */
  leaves(from: number): AsyncIterable<LeafChunk>;
}

/** One place. What is there stays as it is. */
export interface CheckpointPlace {
  /** For the log: `file`, `object store`. */
  readonly name: string;
  /** The largest checkpoint that is there, unverified. */
  latest(tenantId: string): Promise<string | undefined>;
  /** Resolves once it is durable. @throws CheckpointFork where another checkpoint of this size is there */
  publish(tenantId: string, publication: Publication): Promise<void>;
  /** From the first on; sizes may come twice, and leaves, too, where several processes publish. */
  read(tenantId: string): AsyncIterable<PlaceEntry>;
}

/** Two different trees of one log: what must never be, and is never published. */
export class CheckpointFork extends Error {
  override readonly name = "CheckpointFork";
}

/** Leaves of one line: it is read as a whole. */
export const CHUNK_LEAVES = 1024;

export function entryLine(entry: PlaceEntry): string {
  const content = "note" in entry ? entry : { from: entry.from, leaves: entry.leaves.toString("base64") };
  // ASCII alone: JSON may write the dash of a note as an escape.
  return `${JSON.stringify(content).replaceAll(/[^ -~]/g, escaped)}\n`;
}

const escaped = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;

/** `undefined` for a line that was torn by a crash, and for an empty one. */
export function parseEntry(line: string): PlaceEntry | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof parsed !== "object" || parsed === null) return undefined;
  const { note, from, leaves } = parsed as Record<string, unknown>;
  if (typeof note === "string") return { note };
  if (!Number.isSafeInteger(from) || typeof leaves !== "string") return undefined;
  const bytes = Buffer.from(leaves, "base64");
  return bytes.length % HASH_BYTES === 0 ? { from: Number(from), leaves: bytes } : undefined;
}

/** Of an unverified note; 0 where it is no checkpoint. */
export function sizeOf(note: string | undefined): number {
  const parsed = note === undefined ? undefined : parseNote(note);
  return (parsed && parseCheckpoint(parsed.text)?.size) ?? 0;
}

/** The lines of one publication into a place whose largest checkpoint has `from` leaves. */
export async function* publicationLines(
  { note, leaves }: Publication,
  from: number,
): AsyncGenerator<string, void, undefined> {
  for await (const chunk of leaves(from)) yield entryLine(chunk);
  yield entryLine({ note });
}
