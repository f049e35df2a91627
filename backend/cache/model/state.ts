// What the model knows of the world: the truth, the store's servers, two processes, their readers and writers.

/** A fence token: only equality means anything, so tokens are renumbered in every state. */
export type Token = number;

export interface Entry {
  readonly version: number;
  readonly fence: Token;
  /** Where answers name tags: the fence of its tag, read when its handler had answered. */
  readonly tag: Token;
  readonly runId: number;
}

/**
 * A Redis server. One fence stands for all that an entry carries: the scripts replace and compare them in one
 * step. Where answers name tags, it is that of any tag.
 */
export interface Server {
  runId: number;
  /** Takes writes; not so a replica, nor a master that has been demoted. */
  isMaster: boolean;
  /** With two masters: the newest version that reads through this one must return, or a younger one. */
  promised: number;
  fence: Token | null;
  /** Where answers name tags: the fence of the one that writers change and entries carry; else 0. */
  tag: Token | null;
  /** Guarded writers whose mark is on the fence: bit n is writer n. */
  marks: number;
  entry: Entry | null;
  /** With leases: who holds them. */
  registry: Registry;
}

/** Of the processes that hold read leases; it is lost with the server's data. */
export interface Registry {
  /** The server that it is of; -1: there is none. */
  runId: number;
  generation: number;
  /** Changes of the fence that readers were told of. */
  told: number;
  /** Bit n is process n. */
  readers: number;
  /** No lease of an earlier generation can be held any more. */
  isRipe: boolean;
}

/** What a process believes without asking, where reads are leased. */
export interface Belief {
  /** Its lease has not run out. */
  isHeld: boolean;
  generation: number;
  /** The last change that it has heard of, and the next one that may reach it. */
  told: number;
  next: number;
  /** The fence as it knows it, 0 for not at all; and the server. */
  fence: Token;
  runId: number;
  /** A reading of it that is under way, and whether that was forgotten meanwhile. */
  reading: Token;
  readingRunId: number;
  isSpoilt: boolean;
}

/** A change of the fence that counts once these have heard of it, or their leases have run out: bit n is process n. */
export interface Awaited {
  readers: number;
  generation: number;
  told: number;
}

export interface Process {
  alive: boolean;
  cut: boolean;
  /** The server its connection leads to; `null` while it has none. */
  server: number | null;
  /** The circuit is closed. */
  trusts: boolean;
  /** The newest version whose invalidation waits in the recovery queue; 0 for an empty queue. */
  owed: number;
  /** With two masters: the newest version whose fence a server has confirmed to this process. */
  confirmed: number;
  /** With two masters: how many failovers there had been when it connected. */
  epoch: number;
  /** L1. */
  local: Entry | null;
  /** Reads through this process that begin now must return this version or a younger one. */
  required: number;
  /** With leases. */
  belief: Belief;
  /** With leases: what its replay waits for; `null` where none has been sent. */
  replaying: Awaited | null;
}

export interface Writer {
  readonly process: number;
  /** With leases, `marking` waits until its mark is known, `waiting` until its fence is. */
  phase: "idle" | "marked" | "committed" | "answered" | "done" | "marking" | "waiting";
  marked: boolean;
  version: number;
  awaited: Awaited | null;
}

export interface Reader {
  readonly process: number;
  /**
   * `missed` has seen fences, `filling` began a fill, `read` has read the truth, `following` waits for the
   * other reader, `tagged` has answered and read the fence of its answer's tag.
   */
  phase: "idle" | "missed" | "filling" | "read" | "following" | "tagged";
  required: number;
  fence: Token;
  tag: Token;
  runId: number;
  version: number;
  readsLeft: number;
}

/** How often each fault may still happen. */
export interface Faults {
  crash: number;
  cut: number;
  flush: number;
  failover: number;
  /** Another tag of the tenant is invalidated: only the fence of any tag is replaced. */
  otherTag: number;
  /** A message about a change is lost. */
  lose: number;
}

export interface State {
  /** Whether answers name their tags. */
  readonly namesTags: boolean;
  /** Whether reads are leased. */
  readonly leased: boolean;
  /** The version that a read of the database returns. */
  truth: number;
  master: number;
  /** With two masters: failovers so far. */
  epoch: number;
  servers: Server[];
  processes: Process[];
  writers: Writer[];
  readers: Reader[];
  faults: Faults;
  /** Set when a reader was given less than it was promised. */
  violation: string;
}

export function idleReader(process: number, readsLeft: number): Reader {
  return { process, phase: "idle", required: 0, fence: 0, tag: 0, runId: 0, version: 0, readsLeft };
}

/** Not renumbered: what a store without random tokens would create for a missing fence. */
export const FIXED_TOKEN: Token = 60_000;

export function copyState(state: State): State {
  return {
    ...state,
    servers: state.servers.map((server) => ({ ...server, registry: { ...server.registry } })),
    processes: state.processes.map((process) => ({
      ...process,
      belief: { ...process.belief },
      replaying: process.replaying && { ...process.replaying },
    })),
    writers: state.writers.map((writer) => ({ ...writer, awaited: writer.awaited && { ...writer.awaited } })),
    readers: state.readers.map((reader) => ({ ...reader })),
    faults: { ...state.faults },
  };
}

/** A token that nothing in the state carries. */
export function newToken(state: State): Token {
  let last = 0;
  const hold = (token: Token | null | undefined) => {
    if (token && token !== FIXED_TOKEN && token > last) last = token;
  };
  for (const { fence, tag, entry } of state.servers) {
    hold(fence);
    hold(tag);
    hold(entry?.fence);
    hold(entry?.tag);
  }
  for (const { local, belief } of state.processes) {
    hold(local?.fence);
    hold(local?.tag);
    hold(belief.fence);
    hold(belief.reading);
  }
  for (const { fence, tag } of state.readers) {
    hold(fence);
    hold(tag);
  }
  return last + 1;
}

const WRITER_PHASES = ["idle", "marked", "committed", "answered", "done", "marking", "waiting"];
const READER_PHASES = ["idle", "missed", "filling", "read", "following", "tagged"];

/** The state as a short text. Two states that differ only in the names of their tokens have the same one. */
export function encode(state: State): string {
  const held: Token[] = [];
  const name = (token: Token): number => {
    if (token === 0 || token === FIXED_TOKEN) return token;
    const at = held.indexOf(token);
    return at < 0 ? held.push(token) : at + 1;
  };
  const codes = [state.truth, state.master, state.epoch];
  const entry = (value: Entry | null) => {
    if (value) {
      codes.push(value.version + 1, name(value.fence), value.runId);
      if (state.namesTags) codes.push(name(value.tag));
    } else codes.push(0);
  };
  for (const { runId, isMaster, promised, fence, tag, marks, entry: stored } of state.servers) {
    codes.push(runId, Number(isMaster), promised, name(fence ?? 0), marks);
    if (state.namesTags) codes.push(name(tag ?? 0));
    entry(stored);
  }
  for (const { alive, cut, server, trusts, owed, confirmed, epoch, local, required } of state.processes) {
    codes.push(
      Number(alive) + 2 * Number(cut) + 4 * Number(trusts),
      server ?? 9,
      owed,
      confirmed,
      epoch,
      required,
    );
    entry(local);
  }
  for (const { phase, marked, version } of state.writers)
    codes.push(WRITER_PHASES.indexOf(phase), Number(marked), version);
  for (const { phase, required, fence, tag, runId, version, readsLeft } of state.readers) {
    codes.push(READER_PHASES.indexOf(phase), required, name(fence), runId, version, readsLeft);
    if (state.namesTags) codes.push(name(tag));
  }
  if (state.leased) {
    const awaited = (value: Awaited | null) => {
      if (value) codes.push(value.readers + 1, value.generation, value.told);
      else codes.push(0);
    };
    for (const { registry } of state.servers) {
      const { runId, generation, told, readers, isRipe } = registry;
      codes.push(runId + 1, generation, told, readers, Number(isRipe));
    }
    for (const { belief, replaying } of state.processes) {
      const { isHeld, generation, told, next, fence, runId, reading, readingRunId, isSpoilt } = belief;
      codes.push(Number(isHeld) + 2 * Number(isSpoilt), generation, told, next);
      codes.push(name(fence), runId, name(reading), readingRunId);
      awaited(replaying);
    }
    for (const writer of state.writers) awaited(writer.awaited);
  }
  const { crash, cut, flush, failover, otherTag, lose } = state.faults;
  codes.push(crash, cut, flush, failover, otherTag, lose, state.violation.length);
  return String.fromCharCode(...codes);
}

/** Offers a step: `change` is applied to a copy of the state. */
export type Offer = (label: string, change: (next: State) => void) => void;
