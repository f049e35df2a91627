// Looks at an entry as a request would read it, and leaves no trace: no lease, no fence, no use, no count.
// Tests: test/integration/explain.test.ts
import type { Sealer } from "../codec/encryption.js";
import { decodeEntry, type Entry } from "../codec/entry.js";
import type { Peek } from "../store/cause-log.js";
import { isPending } from "../store/fence-token.js";
import type { Store } from "../store/store.js";
import { fencesOf } from "./carried-fences.js";
import { type EntryRef, examine } from "./entry-ref.js";
import { areSettled, joinFences, splitFences } from "./fences.js";
import type { LocalEntries } from "./local-entries.js";
import type { StoreGate } from "./store-gate.js";

/** A fence as it is now. */
export interface SeenFence {
  readonly key: string;
  readonly fence: string | null;
  /** As the entry carries it; `undefined` where there is none. */
  readonly carried: string | undefined;
}

export interface Look {
  /** `away`: the store cannot be asked; `pending`: a guarded write is under way. */
  readonly kind: "hit" | "stale" | "miss" | "pending" | "away";
  /** The ref's, then those of the tags that the entry's answer has named. */
  readonly fences: readonly SeenFence[];
  /** Joined; `undefined` where one is missing. */
  readonly seen: string | undefined;
  /** Joined, also where one is missing: it is empty then. `undefined` where the store cannot be asked. */
  readonly asTheyAre: string | undefined;
  /** What is there, valid or not. */
  readonly entry: Entry | undefined;
  readonly tier: "local" | "store" | undefined;
  /** Bytes in the store. */
  readonly storedBytes: number | null;
  readonly peek: Pick<Peek, "isListed" | "moduleEntries" | "tenantBytes"> | undefined;
  /** Why a fill that began now would not be stored. */
  readonly unstorable?: Peek["unstorable"] | undefined;
  /** See {@link Peek.begun}. */
  readonly begun?: Peek["begun"] | undefined;
}

export interface InspectorParts {
  readonly store: Store;
  readonly gate: StoreGate;
  readonly local: LocalEntries | undefined;
  readonly sealer: Sealer;
  /** The entry of this process that the route's `freshness` or `maxStaleness` lets it use without asking the store. */
  recalled(ref: EntryRef): Entry | undefined;
}

const AWAY: Look = {
  kind: "away",
  fences: [],
  seen: undefined,
  asTheyAre: undefined,
  entry: undefined,
  tier: undefined,
  storedBytes: null,
  peek: undefined,
};

export class Inspector {
  readonly #parts: InspectorParts;

  constructor(parts: InspectorParts) {
    this.#parts = parts;
  }

  /** Never rejects. */
  async look(ref: EntryRef): Promise<Look> {
    const { gate, local, sealer } = this.#parts;
    if (gate.state !== "closed") await gate.starting;
    if (gate.state !== "closed") return AWAY;
    try {
      const peek = await this.#peek(ref, ref.fenceKeys);
      const kept = local?.peek(ref);
      const held = kept ?? decoded(ref, peek.entry, sealer);
      const carried =
        held && splitFences(held.fences).fences.map((fence) => (fence === "" ? undefined : fence));
      const fences = ref.fenceKeys.map((key, index) => ({
        key,
        fence: peek.fences[index] ?? null,
        carried: carried?.[index],
      }));
      const seen = areSettled(peek.fences) ? joinFences(peek.runId, peek.fences) : undefined;
      const found = {
        fences,
        seen,
        asTheyAre: joinFences(
          peek.runId,
          peek.fences.map((fence) => fence ?? ""),
        ),
        entry: held,
        tier: kept ? ("local" as const) : held && ("store" as const),
        storedBytes: peek.entry?.length ?? null,
        peek: peek.isListed === undefined ? undefined : peek,
        unstorable: peek.unstorable,
        begun: peek.begun,
      };
      const recalled = this.#parts.recalled(ref);
      if (recalled) return { ...found, kind: "hit", entry: recalled, tier: "local" };
      if (peek.fences.some((fence) => fence !== null && isPending(fence)))
        return { ...found, kind: "pending" };
      if (seen === undefined) return { ...found, kind: "miss" };
      return await this.#judge(ref, found, peek.entry, seen, kept);
    } catch {
      return AWAY;
    }
  }

  async #judge(
    ref: EntryRef,
    found: Omit<Look, "kind">,
    bytes: Buffer | null,
    seen: string,
    kept: Entry | undefined,
  ): Promise<Look> {
    if (kept && kept.fences === seen && kept.staleAt > Date.now()) return { ...found, kind: "hit" };
    const verdict = examine(ref, bytes, seen, this.#parts.sealer);
    if (verdict.kind !== "valid" && verdict.kind !== "by-tags") {
      const entry = found.entry ?? decoded(ref, bytes, this.#parts.sealer);
      return { ...found, entry, kind: "miss", tier: entry && found.tier };
    }
    const { entry } = verdict;
    const depends = fencesOf(ref, entry.fences);
    // Those of the answer's tags stand behind the others.
    const first = ref.fenceKeys.filter((key) => depends.fenceKeys.includes(key)).length;
    const more = depends.fenceKeys.slice(first);
    const carried = depends.fences.slice(first);
    const tags = more.length === 0 ? undefined : await this.#peek(ref, more);
    const ofTags = more.map((key, index) => ({
      key,
      fence: tags?.fences[index] ?? null,
      carried: carried[index],
    }));
    const isCurrent = verdict.kind === "valid" || ofTags.every(({ fence, carried }) => fence === carried);
    const kind = !isCurrent ? "miss" : entry.staleAt > Date.now() ? "hit" : "stale";
    return { ...found, fences: [...found.fences, ...ofTags], entry, kind, tier: kept ? "local" : "store" };
  }

  async #peek(
    { tenant, module, entryKey }: EntryRef,
    fenceKeys: readonly string[],
  ): Promise<
    Peek | (Pick<Peek, "fences" | "entry" | "runId" | "unstorable" | "begun"> & { readonly isListed?: never })
  > {
    const { store, gate } = this.#parts;
    if (store.peek) return gate.bound(store.peek({ tenant, module, entryKey, fenceKeys }));
    const { fences, entries, runId } = await gate.bound(store.read(fenceKeys, [entryKey]));
    return { fences, entry: entries[0] ?? null, runId };
  }
}

/** Only what is this request's own. */
function decoded(ref: EntryRef, bytes: Buffer | null, sealer: Sealer): Entry | undefined {
  const value = bytes && sealer.open(ref.entryKey, bytes);
  const entry = value && value !== "outdated" ? decodeEntry(value) : undefined;
  return entry?.identity === ref.identity ? entry : undefined;
}
