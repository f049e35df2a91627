// A store that remembers what it was asked and what was answered, so that a violation can be explained.
import { decodeEntry } from "../src/codec/entry.js";
import type { CauseNote } from "../src/store/cause-log.js";
import type {
  CommitResult,
  FillCommit,
  FillRequest,
  FillStart,
  Snapshot,
  Store,
} from "../src/store/store.js";
import { messageOf } from "../src/thrown.js";
import type { StoreChange } from "./checked-protocol.js";
import { machineNowMs } from "./clock.js";
import type { TimelineEvent } from "./timeline.js";
import { replacing } from "./weakened-store.js";

/**
 * Where a command goes: the port of the server behind the present connection, `undefined` while there is
 * none.
 */
export type Where = () => number | undefined;

interface Call {
  readonly sentAtMs: number;
  readonly port: number | undefined;
  readonly keys: readonly string[];
  /** What was asked, and what came back: worked out when somebody wants to know. */
  readonly tell: (tenant: string) => string;
  readonly change?: StoreChange;
  endedAtMs: number | undefined;
}

/** Some half a minute of a busy backend. */
const KEPT = 8000;

export class StoreRecorder {
  readonly store: Store;
  readonly #where: Where;
  readonly #toldAtMs: (port: number) => number | undefined;
  #calls: Call[] = [];

  /** @param toldAtMs when this process had surely heard that the server with this port has been replaced */
  constructor(store: Store, where: Where, toldAtMs: (port: number) => number | undefined) {
    this.#where = where;
    this.#toldAtMs = toldAtMs;
    this.store = replacing(store, this.#methods(store));
  }

  /** Whether each of these fences has been replaced since, whoever asked for it. */
  hasConfirmed(fenceKeys: readonly string[], sinceMs: number): boolean {
    const confirmed = this.#calls.filter(({ change, sentAtMs }) => {
      if (!change || change.what === "beginWrite" || sentAtMs < sinceMs) return false;
      return change.endedAtMs !== undefined && change.error === undefined;
    });
    return fenceKeys.every((key) => confirmed.some(({ keys }) => keys.includes(key)));
  }

  /** The changes of fences that a tenant's write has asked for since. */
  changesOf(tenant: string, sinceMs: number): StoreChange[] {
    const changes: StoreChange[] = [];
    for (const { change, keys, sentAtMs } of this.#calls)
      if (change && sentAtMs >= sinceMs && isAbout(keys, tenant)) changes.push(change);
    return changes;
  }

  /** All that was asked about a tenant since, and what came back. */
  eventsOf(tenant: string, sinceMs: number): TimelineEvent[] {
    return this.#calls
      .filter(({ keys, sentAtMs }) => sentAtMs >= sinceMs && isAbout(keys, tenant))
      .map(({ sentAtMs, endedAtMs, port, tell }) => {
        const took = endedAtMs === undefined ? "no answer yet" : `${(endedAtMs - sentAtMs).toFixed(1)} ms`;
        return { atMs: sentAtMs, what: `asks :${port ?? "-"} (${took}) ${tell(tenant)}` };
      });
  }

  #methods(store: Store) {
    return {
      read: (fenceKeys: readonly string[], entryKeys: readonly string[], onLoan = false) => {
        // Reads of several tenants share a round trip.
        const tell = ({ fences, entries, runId }: Snapshot, tenant: string) => {
          const found = entryKeys.flatMap((key, index) =>
            isAbout([key], tenant) ? [`${nameOf(key)}: ${told(entries[index] ?? null, onLoan)}`] : [],
          );
          return [`by ${idOf(runId)}`, fencesOf(fenceKeys, fences, tenant), ...found].join("; ");
        };
        const asked = [...fenceKeys, ...entryKeys];
        return this.#record("read", asked, store.read(fenceKeys, entryKeys, onLoan), tell);
      },
      beginFill: (request: FillRequest) => {
        const tell = ({ fences, entry, runId, lease }: FillStart, tenant: string) =>
          `by ${idOf(runId)}; ${lease}; ${fencesOf(request.fenceKeys, fences, tenant)}; ${told(entry)}`;
        return this.#record("beginFill", [request.entryKey], store.beginFill(request), tell);
      },
      commitFill: (commit: FillCommit) => {
        const { fenceKeys, fences, value } = commit;
        const tell = ({ outcome }: CommitResult, tenant: string) =>
          `${outcome}: ${told(Buffer.concat(value))}; only over ${fencesOf(fenceKeys, fences, tenant)}`;
        return this.#record("commitFill", [commit.entryKey], store.commitFill(commit), tell);
      },
      replaceFences: (fenceKeys: readonly string[], fenceTtlMs: number, cause?: CauseNote, mark?: string) =>
        this.#change("replaceFences", fenceKeys, () =>
          store.replaceFences(fenceKeys, fenceTtlMs, cause, mark),
        ),
      beginWrite: (fenceKeys: readonly string[], writer: string, deadlineMs: number) =>
        this.#change("beginWrite", fenceKeys, () => store.beginWrite(fenceKeys, writer, deadlineMs)),
      endWrite: (fenceKeys: readonly string[], writer: string, fenceTtlMs: number, cause?: CauseNote) =>
        this.#change("endWrite", fenceKeys, () => store.endWrite(fenceKeys, writer, fenceTtlMs, cause)),
    };
  }

  async #change(
    what: StoreChange["what"],
    keys: readonly string[],
    send: () => Promise<void>,
  ): Promise<void> {
    const port = this.#where();
    const toldAtMs = port === undefined ? undefined : this.#toldAtMs(port);
    const change: StoreChange = {
      what,
      port,
      sentAtMs: machineNowMs(),
      ...(toldAtMs !== undefined && { toldAtMs }),
    };
    await this.#record(what, keys, send(), () => "confirmed", change);
  }

  async #record<T>(
    what: string,
    keys: readonly string[],
    answer: Promise<T>,
    tell: (answer: T, tenant: string) => string,
    change?: StoreChange,
  ): Promise<T> {
    let outcome = (_tenant: string) => "";
    const call: Call = {
      sentAtMs: change?.sentAtMs ?? machineNowMs(),
      port: this.#where(),
      keys,
      tell: (tenant) => `${what} ${keysOf(keys, tenant).map(nameOf).join(" ")} -> ${outcome(tenant)}`,
      ...(change && { change }),
      endedAtMs: undefined,
    };
    this.#calls.push(call);
    if (this.#calls.length > 2 * KEPT) this.#calls = this.#calls.slice(-KEPT);
    const ended = (how: (tenant: string) => string, error?: string) => {
      outcome = how;
      call.endedAtMs = machineNowMs();
      if (change) Object.assign(change, { endedAtMs: call.endedAtMs, ...(error !== undefined && { error }) });
    };
    try {
      const value = await answer;
      ended((tenant) => tell(value, tenant));
      return value;
    } catch (error) {
      const message = messageOf(error);
      ended(() => `refused: ${message}`, message);
      throw error;
    }
  }
}

/** Key by key: another tenant's name may begin with this one's. */
function isAbout(keys: readonly string[], tenant: string): boolean {
  return keys.some((key) => key.split(":").includes(tenant));
}

function keysOf(keys: readonly string[], tenant: string): string[] {
  return keys.filter((key) => isAbout([key], tenant));
}

/** Without the prefix that all keys share. */
function nameOf(key = ""): string {
  return key.replace(/^.*?(?=(fence|tenant):)/, "");
}

/** The beginnings of run id and replication id, of which 16 characters are kept, and the sentinels' epoch. */
function idOf(runId: string): string {
  const [, run = "", epoch = "", replication = ""] = /^(.{0,16})(@\d+)?:?(.*)$/.exec(runId) ?? [];
  return `${run.slice(0, 8)}${epoch}/${replication.slice(0, 8)}`;
}

function fencesOf(keys: readonly string[], fences: readonly (string | null)[], tenant: string): string {
  const ofTenant = keys.flatMap((key, index) =>
    isAbout([key], tenant) ? [`${nameOf(key)}=${fences[index] ?? "none"}`] : [],
  );
  return `fences ${ofTenant.join(" ")}`;
}

function told(bytes: Buffer | null, isLent = false): string {
  if (!bytes) return "no entry";
  if (isLent) return "an entry";
  const entry = decodeEntry(bytes);
  if (!entry) return "no valid entry";
  const [id = "", ...fences] = entry.fences.split(",");
  const filled = entry.headers.find(([name]) => name === "x-filled")?.[1] ?? "?";
  return `entry of ${idOf(id)} with fences ${fences.join(" ")}, filled by ${filled}`;
}
