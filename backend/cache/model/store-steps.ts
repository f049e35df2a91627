// What the store does in one step: the scripts and reads of the engine, reduced to one fence and one entry.
import type { Settings } from "./settings.js";
import { type Entry, FIXED_TOKEN, newToken, type Server, type State } from "./state.js";

/** The server that answers this process now. */
export function serverOf(state: State, process: number, settings: Settings): Server | undefined {
  const { cut = true, server = null } = state.processes[process] ?? {};
  const answering = cut || server === null ? undefined : state.servers[server];
  return answering?.isMaster || !settings.protections.provesMaster ? answering : undefined;
}

/** The same, for an operation that goes through the gate: none while the circuit is open. */
export function gatedServerOf(state: State, process: number, settings: Settings): Server | undefined {
  return state.processes[process]?.trusts ? serverOf(state, process, settings) : undefined;
}

/** The same, for an operation that writes: a replica refuses it. */
export function writableServerOf(state: State, process: number, settings: Settings): Server | undefined {
  const server = gatedServerOf(state, process, settings);
  return server?.isMaster ? server : undefined;
}

export function isPending({ marks }: Server, { protections }: Settings): boolean {
  return protections.pendingBypass && marks !== 0;
}

/** Above every id of a server. */
const EPOCH = 16;

/** What entries carry that are made through this process now. */
export function idOf(state: State, process: number, { runId }: Server, { protections }: Settings): number {
  return protections.epochInIds ? runId + EPOCH * (state.processes[process]?.epoch ?? 0) : runId;
}

/** Whether a read of this server may serve the entry: to a process that knows it by this id. */
export function isValid(
  entry: Entry | null,
  server: Server,
  id: number,
  { protections, namesTags }: Settings,
): entry is Entry {
  if (!entry) return false;
  if (protections.runId && entry.runId !== id) return false;
  if (!protections.fenceCheck || entry.fence === server.fence) return true;
  return namesTags && (!protections.answerTagCheck || entry.tag === server.tag);
}

/** The same of L1, which knows the fences of its entries' tags by name. */
export function isValidInL1(
  entry: Entry | null,
  server: Server,
  id: number,
  settings: Settings,
): entry is Entry {
  const { protections, namesTags } = settings;
  if (!namesTags) return isValid(entry, server, id, settings);
  if (!entry || (protections.runId && entry.runId !== id)) return false;
  return !protections.fenceCheck || entry.tag === server.tag;
}

/** A write's: that of any tag is replaced together with its own. */
export function replaceFence(state: State, server: Server): void {
  server.fence = newToken(state);
  if (state.namesTags) server.tag = newToken(state);
}

/** `beginFill`: a missing fence is created. */
export function ensureFence(state: State, server: Server, { protections }: Settings): number {
  server.fence ??= protections.randomTokens ? newToken(state) : FIXED_TOKEN;
  return server.fence;
}

/** The same of the fence of an answer's tag. */
export function ensureTag(state: State, server: Server, { protections }: Settings): number {
  server.tag ??= protections.randomTokens ? newToken(state) : FIXED_TOKEN;
  return server.tag;
}

/** `commitFill`. Returns the entry where it was stored. */
export function commitFill(
  server: Server,
  entry: Entry,
  { protections, namesTags }: Settings,
): Entry | undefined {
  if (!server.isMaster) return undefined;
  // A mark is part of the fence's text: it differs from every fence that a fill can have begun with.
  const isMarked = protections.pendingBypass && server.marks !== 0;
  const isSame = server.fence === entry.fence || (namesTags && !protections.anyTagFence);
  const isSameTag = !namesTags || server.tag === entry.tag;
  if (protections.compareAndSet && (isMarked || !isSame || !isSameTag)) return undefined;
  const fence = protections.stampedAtStart ? entry.fence : (server.fence ?? entry.fence);
  server.entry = { ...entry, fence };
  return server.entry;
}

/** The deadline of a writer's mark has passed; with the last mark the key is gone. */
export function expireMark(server: Server, mark: number, { protections, namesTags }: Settings): void {
  if ((server.marks & mark) === 0) return;
  server.marks &= ~mark;
  if (server.marks !== 0 || !protections.newFenceAfterExpiry) return;
  server.fence = null;
  if (namesTags) server.tag = null;
}
