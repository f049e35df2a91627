// Signs the tree of a tenant and publishes that, where the database's role cannot write.
// Tests: test/integration/audit-checkpoints.test.ts, test/faults/audit-faults.test.ts
import type { Pool, PoolClient } from "pg";
import { CheckpointFork, type CheckpointPlace, type Publication, sizeOf } from "./checkpoint-place.js";
import { leafChunks } from "./leaf-chunks.js";
import type { Checkpoint, SignerKey, VerifierKey } from "./signed-note.js";
import { checkpointText, openCheckpoint, signNote } from "./signed-note.js";
import {
  consistencyProof,
  edgeOf,
  inTransaction,
  rootAt,
  TreeBroken,
  treeSize,
  tryLock,
} from "./tree-store.js";
import { WitnessAhead, type WitnessClient } from "./witness-client.js";

export interface CheckpointerOptions {
  readonly pool: Pool;
  readonly key: SignerKey;
  /** Keys that have signed before. */
  readonly formerKeys?: readonly VerifierKey[];
  readonly places: readonly CheckpointPlace[];
  readonly witnesses?: readonly WitnessClient[];
  /** Told of a place or a witness that does not answer; the others are used. */
  readonly onTrouble?: (where: string, error: Error) => void;
  readonly onWorked?: (where: string) => void;
}

export interface SignedCheckpoint extends Checkpoint {
  readonly note: string;
}

/** The name of the log of a tenant: the first line of its checkpoints. */
export const originOf = (key: VerifierKey, tenantId: string): string =>
  `${key.name}/${tenantId.toLowerCase()}`;

/** The checkpoint of a note that one of the keys has signed for the tenant's log; `undefined` for any other note. */
export function openTenantCheckpoint(
  note: string,
  keys: readonly VerifierKey[],
  tenantId: string,
): Checkpoint | undefined {
  const checkpoint = openCheckpoint(note, keys);
  const isOfTenant = keys.some((key) => originOf(key, tenantId) === checkpoint?.origin);
  return isOfTenant ? checkpoint : undefined;
}

export class Checkpointer {
  readonly #options: CheckpointerOptions;

  constructor(options: CheckpointerOptions) {
    this.#options = options;
  }

  /** Who may have signed what is published. */
  get keys(): readonly VerifierKey[] {
    return [this.#options.key, ...(this.#options.formerKeys ?? [])];
  }

  /** Those that are asked to cosign. */
  get witnessKeys(): readonly VerifierKey[] {
    return (this.#options.witnesses ?? []).map(({ key }) => key);
  }

  get places(): readonly CheckpointPlace[] {
    return this.#options.places;
  }

  /**
   * Signs and publishes the tree as it is now, where it has grown. Whatever it signs continues all that it finds published: a process
   * that does this at the same time, or was killed at any step of it, has signed a part of the same tree.
   *
   * @returns `undefined` where there is nothing to sign, or another process is at it
   * @throws TreeBroken where records are missing; CheckpointFork where the tree is not the one that was published; Error where no
   * place takes it
   */
  async checkpoint(
    tenantId: string,
    { takeLock = true }: { readonly takeLock?: boolean } = {},
  ): Promise<SignedCheckpoint | undefined> {
    return await inTransaction(this.#options.pool, async (client) => {
      if (takeLock && !(await tryLock(client, "checkpoint", tenantId))) return undefined;
      const published = await this.published(client, tenantId);
      const size = await treeSize(client, tenantId);
      await requireContinued(client, tenantId, size, published.all);
      const [smallest, largest] = [Math.min(size, ...published.sizes), Math.max(0, ...published.sizes)];
      if (size === 0 || (size === largest && smallest === size)) return undefined;
      const root = await verifiedRoot(client, tenantId, smallest, size);
      const signed = await this.#sign(client, tenantId, {
        origin: originOf(this.#options.key, tenantId),
        size,
        root,
      });
      await this.#publish(tenantId, {
        ...signed,
        leaves: (from) => leafChunks(client, tenantId, from, size),
      });
      await client.query(
        "INSERT INTO audit_checkpoints (tenant_id, tree_size, note) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        [tenantId, size, signed.note],
      );
      return signed;
    });
  }

  /**
   * The largest checkpoint of each place, and the database's copy of the last.
   * @throws CheckpointFork where one is not signed by this log
   */
  async published(
    client: Pick<PoolClient, "query">,
    tenantId: string,
  ): Promise<{ readonly all: readonly SignedCheckpoint[]; readonly sizes: readonly number[] }> {
    const { rows } = await client.query<{ note: string }>(
      "SELECT note FROM audit_checkpoints WHERE tenant_id = $1 ORDER BY tree_size DESC LIMIT 1",
      [tenantId],
    );
    const notes: { where: string; note: string | undefined }[] = [{ where: "database", note: rows[0]?.note }];
    for (const place of this.places) {
      const note = await this.#ask(place.name, () => place.latest(tenantId));
      if (note !== AWAY) notes.push({ where: place.name, note });
    }
    const all = notes.flatMap(({ where, note }) =>
      note === undefined ? [] : this.#open(where, tenantId, note),
    );
    return { all, sizes: notes.map(({ note }) => sizeOf(note)) };
  }

  #open(where: string, tenantId: string, note: string): SignedCheckpoint {
    const checkpoint = openTenantCheckpoint(note, this.keys, tenantId);
    if (checkpoint) return { ...checkpoint, note };
    throw new CheckpointFork(
      `the newest checkpoint of the ${where} is not signed by this log: was it altered, or is the former key missing in AUDIT_FORMER_KEYS?`,
    );
  }

  async #sign(client: PoolClient, tenantId: string, checkpoint: Checkpoint): Promise<SignedCheckpoint> {
    const { origin, size } = checkpoint;
    let note = signNote(checkpointText(checkpoint), this.#options.key);
    const signed = note;
    for (const witness of this.#options.witnesses ?? []) {
      const lines = await this.#ask(`witness ${witness.name}`, async () => {
        try {
          return await witness.cosign(origin, size, signed, (oldSize) =>
            consistencyProof(client, tenantId, oldSize, size),
          );
        } catch (error) {
          if (!(error instanceof WitnessAhead)) throw error;
          // Another process that has signed more in the meantime has its records here.
          if ((await treeSize(client, tenantId)) < error.size) throw new CheckpointFork(error.message);
          return "";
        }
      });
      if (lines !== AWAY) note += lines;
    }
    return { ...checkpoint, note };
  }

  async #publish(tenantId: string, publication: Publication): Promise<void> {
    const taken = await Promise.all(
      this.places.map(async (place) => {
        const done = await this.#ask(place.name, async () => {
          if (sizeOf(await place.latest(tenantId)) < publication.size)
            await place.publish(tenantId, publication);
        });
        return done !== AWAY;
      }),
    );
    if (taken.length > 0 && !taken.includes(true)) throw new Error("no place takes checkpoints");
  }

  /** One place that is away keeps nobody from using the others; a fork is never passed over. */
  async #ask<T>(where: string, work: () => Promise<T>): Promise<T | typeof AWAY> {
    const { onTrouble = () => undefined, onWorked = () => undefined } = this.#options;
    try {
      const result = await work();
      onWorked(where);
      return result;
    } catch (error) {
      if (error instanceof CheckpointFork || error instanceof TreeBroken) throw error;
      onTrouble(where, error as Error);
      return AWAY;
    }
  }
}

const AWAY = Symbol("away");

async function requireContinued(
  client: PoolClient,
  tenantId: string,
  size: number,
  published: readonly SignedCheckpoint[],
): Promise<void> {
  for (const { size: old, root } of published) {
    if (old > size)
      throw new TreeBroken(
        `the tree has ${size} records, and a checkpoint over ${old} was published: records are missing from index ${size} on`,
      );
    if (!(await rootAt(client, tenantId, old)).equals(root))
      throw new CheckpointFork(`the tree is not the one whose first ${old} records were signed`);
  }
}

/** From the leaves: inner nodes alone would let a changed leaf be published. */
async function verifiedRoot(
  client: PoolClient,
  tenantId: string,
  from: number,
  size: number,
): Promise<Buffer> {
  const edge = await edgeOf(client, tenantId, from);
  for await (const { leaves } of leafChunks(client, tenantId, from, size))
    for (let at = 0; at < leaves.length; at += 32) edge.append(leaves.subarray(at, at + 32));
  if (edge.root.equals(await rootAt(client, tenantId, size))) return edge.root;
  throw new TreeBroken(`the leaves ${from} to ${size - 1} are not those that the tree was built from`);
}
