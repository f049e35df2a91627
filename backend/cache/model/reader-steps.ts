// A reader: L1, then the store; on a miss follow another's fill or begin one, read the truth, store by compare-and-set.

import { believes } from "./lease-steps.js";
import type { Settings } from "./settings.js";
import { type Entry, idleReader, type Offer, type Reader, type Server, type State } from "./state.js";
import {
  commitFill,
  ensureFence,
  ensureTag,
  gatedServerOf,
  idOf,
  isPending,
  isValid,
  isValidInL1,
  writableServerOf,
} from "./store-steps.js";

type Step = (label: string, change: (next: State, self: Reader) => void) => void;

/**
 * Requests that go to their handler without storing anything (store away, write pending) are not steps: they
 * read the truth after they began and leave nothing behind.
 */
export function readerSteps(state: State, settings: Settings, offer: Offer): void {
  for (const [index, reader] of state.readers.entries()) {
    if (!state.processes[reader.process]?.alive) continue;
    const step: Step = (label, change) =>
      offer(`reader ${index + 1} (process ${reader.process + 1}) ${label}`, (next) => {
        const self = next.readers[index];
        if (self) change(next, self);
      });
    if (reader.phase === "idle" && reader.readsLeft > 0) lookUp(state, settings, reader, step);
    else if (reader.phase === "missed") open(state, settings, index, step);
    else if (reader.phase === "filling") {
      step(`reads the truth: version ${state.truth}`, (next, self) => {
        self.version = next.truth;
        self.phase = "read";
      });
    } else if (reader.phase === "read" && settings.namesTags) askForTag(state, settings, reader, step);
    else if (reader.phase === "read" || reader.phase === "tagged") finish(state, settings, reader, step);
  }
}

function lookUp(state: State, settings: Settings, { process }: Reader, step: Step): void {
  const own = state.processes[process];
  if (!own?.trusts) return;
  const { local } = own;
  const required = requiredOf(state, process);
  if (local && !settings.protections.localFenceCheck) {
    step(`is given version ${local.version} from L1, unchecked`, receive(local.version, required));
    return;
  }
  if (local && believes(state, process))
    step(`hits version ${local.version} in L1, and asks nobody`, receive(local.version, required));
  const server = gatedServerOf(state, process, settings);
  if (!server || isPending(server, settings)) return;
  const { entry, fence } = server;
  const runId = idOf(state, process, server, settings);
  if (isValidInL1(local, server, runId, settings)) {
    step(`hits version ${local.version} in L1`, receive(local.version, required));
  } else if (isValid(entry, server, runId, settings)) {
    step(`hits version ${entry.version} in the store`, (next, self) => {
      keepLocal(next, process, entry);
      receive(entry.version, required)(next, self);
    });
  } else {
    step("misses", (next, self) => {
      keepLocal(next, process, null);
      Object.assign(self, { phase: "missed", required, fence: fence ?? 0, runId });
    });
  }
}

/** What a read through this process must return that begins now. */
function requiredOf({ processes, servers, master }: State, process: number): number {
  const { required = 0, server = null } = processes[process] ?? {};
  const asked = servers[server ?? master];
  // A server that has been demoted is no second master: it is excused nothing.
  const judged = asked?.isMaster ? asked : servers[master];
  return Math.max(required, judged?.promised ?? 0);
}

function open(state: State, settings: Settings, index: number, step: Step): void {
  const reader = state.readers[index];
  if (!reader) return;
  const server = writableServerOf(state, reader.process, settings);
  if (hasFlight(state, settings, index, reader)) step("follows the fill in flight", follow);
  else if (!server || isPending(server, settings)) step("goes to its handler", receive(state.truth));
  else if (isValid(server.entry, server, idOf(state, reader.process, server, settings), settings))
    step(`finds version ${server.entry.version} as it begins to fill`, receive(server.entry.version));
  else if (hasFlight(state, settings, index, seenNow(state, settings, reader.process, server)))
    step("follows the fill in flight", follow);
  else {
    step("begins to fill", (next, self) => {
      const asked = writableServerOf(next, reader.process, settings);
      if (!asked) return;
      self.fence = ensureFence(next, asked, settings);
      self.runId = idOf(next, reader.process, asked, settings);
      self.phase = "filling";
    });
  }
}

function seenNow(state: State, settings: Settings, process: number, server: Server) {
  return { fence: server.fence, runId: idOf(state, process, server, settings) };
}

/** Single flight: whether another reader of this process fills, from these fences. */
function hasFlight(
  { readers }: State,
  { protections }: Settings,
  index: number,
  seen: { readonly fence: number | null; readonly runId: number },
): boolean {
  return readers.some(
    ({ process, phase, fence, runId }, other) =>
      other !== index &&
      process === readers[index]?.process &&
      (phase === "filling" || phase === "read") &&
      (!protections.followSameFences || (fence === seen.fence && runId === seen.runId)),
  );
}

function follow(_next: State, self: Reader): void {
  self.phase = "following";
  self.fence = 0;
  self.runId = 0;
}

/**
 * Followers get the answer, and the entry is stored where it still may be. A command that was sent before the
 * process was cut off may be carried out after: what counts is that its server is still there.
 */
function finish(
  state: State,
  settings: Settings,
  { process, phase, version, fence, tag, runId }: Reader,
  step: Step,
): void {
  const connectedTo = state.processes[process]?.server ?? -1;
  const what = phase === "tagged" ? "stores its answer" : `answers with version ${version}, and stores it`;
  step(`${what} if it may`, (next, self) => {
    const server = next.servers[connectedTo];
    const stored = server && commitFill(server, { version, fence, tag, runId }, settings);
    if (stored) keepLocal(next, process, stored);
    if (phase !== "tagged") answerFollowers(next, process, version);
    receive(version)(next, self);
  });
}

/**
 * The answer has named its tag, whose fence is read now. Who follows has been answered by then. Nothing is
 * stored where the server is another one than at the start, or a guarded write is under way.
 */
function askForTag(state: State, settings: Settings, { process, version, runId }: Reader, step: Step): void {
  const server = writableServerOf(state, process, settings);
  const isSame = server && idOf(state, process, server, settings) === runId;
  const mayStore = isSame && !isPending(server, settings);
  step(`answers with version ${version}${mayStore ? ", and reads its tag's fence" : ""}`, (next, self) => {
    answerFollowers(next, process, version);
    const asked = mayStore && writableServerOf(next, process, settings);
    if (!asked) return receive(version)(next, self);
    self.tag = ensureTag(next, asked, settings);
    self.phase = "tagged";
  });
}

function answerFollowers(next: State, process: number, version: number): void {
  for (const other of next.readers)
    if (other.phase === "following" && other.process === process) receive(version)(next, other);
}

function keepLocal(next: State, process: number, entry: Entry | null): void {
  const own = next.processes[process];
  if (own) own.local = entry;
}

/** The end of a read: what it returns, against what had been promised when it began. */
function receive(version: number, required?: number): (next: State, self: Reader) => void {
  return (next, self) => {
    const promised = required ?? self.required;
    if (version < promised) {
      const reader = next.readers.indexOf(self) + 1;
      next.violation = `STALE: reader ${reader} has version ${version}, and version ${promised} had been acknowledged when it began`;
    }
    const { process, readsLeft } = self;
    Object.assign(self, { ...idleReader(process, readsLeft - 1) });
  };
}
