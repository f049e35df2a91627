// A writer: mark where guarded, commit, replace the fence (or queue that), answer.

import { forget, tell } from "./lease-steps.js";
import type { Settings } from "./settings.js";
import type { Offer, State, Writer } from "./state.js";
import { replaceFence, writableServerOf } from "./store-steps.js";

export function writerSteps(state: State, settings: Settings, offer: Offer): void {
  for (const [index, writer] of state.writers.entries()) {
    if (!state.processes[writer.process]?.alive) continue;
    const step = (label: string, change: (next: State, self: Writer) => void) =>
      offer(`writer ${index + 1} (process ${writer.process + 1}) ${label}`, (next) => {
        const self = next.writers[index];
        if (self) change(next, self);
      });
    if (writer.phase === "idle") begin(state, settings, index, step);
    else if (writer.phase === "marking" && writer.awaited?.readers === 0) {
      step("is sure that its mark is known", (next, self) => {
        known(next, self);
        self.phase = "marked";
      });
    } else if (writer.phase === "waiting" && writer.awaited?.readers === 0) {
      step("is sure that its fence is known, and answers", (next, self) => {
        known(next, self);
        confirmed(next, self, settings);
      });
    } else if (writer.phase === "marked") step("commits", commit);
    else if (writer.phase === "committed") end(state, settings, index, step);
    else if (writer.phase === "answered")
      step("replaces the fence after its answer", (next, self) => {
        replaceOrQueue(next, self, index, settings);
        self.phase = "done";
      });
  }
}

type Step = (label: string, change: (next: State, self: Writer) => void) => void;

function begin(state: State, settings: Settings, index: number, step: Step): void {
  const { guard, reject, protections } = settings;
  const { process } = state.writers[index] ?? { process: 0 };
  const isReachable = writableServerOf(state, process, settings) !== undefined;
  if (!isReachable && reject) {
    step("is refused with 503", (_next, self) => {
      self.phase = "done";
    });
  } else if (guard && isReachable) {
    step("marks the fence as pending", (next, self) => {
      const server = writableServerOf(next, process, settings);
      if (!server) return;
      if (protections.newFenceWithMark) replaceFence(next, server);
      server.marks |= 1 << index;
      self.marked = true;
      self.awaited = tell(next, process, server, settings);
      self.phase = settings.leased && protections.waitsForMark ? "marking" : "marked";
    });
  } else step(guard ? "cannot mark the fence, and commits" : "commits", commit);
}

function commit(next: State, self: Writer): void {
  next.truth++;
  self.version = next.truth;
  self.phase = "committed";
}

function end(state: State, settings: Settings, index: number, step: Step): void {
  const { process } = state.writers[index] ?? { process: 0 };
  const { protections } = settings;
  const how = writableServerOf(state, process, settings) ? "replaces the fence" : "queues its invalidation";
  if (!protections.holdBack) {
    step("answers", (next, self) => {
      promise(next, self.version);
      self.phase = "answered";
    });
    return;
  }
  // Answering later only asks less of readers: one step is the strictest case.
  step(`${how} and answers`, (next, self) => {
    const isConfirmed = replaceOrQueue(next, self, index, settings);
    if (isConfirmed && settings.leased && protections.waitsForReaders) self.phase = "waiting";
    else if (isConfirmed) confirmed(next, self, settings);
    else {
      const counts = settings.deferredCounts || (self.marked && settings.markedDeferredCounts);
      promise(next, self.version, counts ? undefined : process);
      self.phase = "done";
    }
  });
}

function confirmed(next: State, self: Writer, settings: Settings): void {
  if (settings.splitBrain && !settings.splitCounts) promiseWhereConfirmed(next, self);
  else promise(next, self.version);
  self.phase = "done";
}

/** What its own process has read since may be from before. */
function known(next: State, self: Writer): void {
  const own = next.processes[self.process];
  if (own) forget(own.belief);
  self.awaited = null;
}

function replaceOrQueue(next: State, self: Writer, index: number, settings: Settings): boolean {
  const server = writableServerOf(next, self.process, settings);
  const process = next.processes[self.process];
  if (server) {
    server.marks &= ~(1 << index);
    replaceFence(next, server);
    self.awaited = tell(next, self.process, server, settings);
    if (process && settings.splitBrain) process.confirmed = self.version;
    return true;
  }
  if (process) {
    forget(process.belief);
    process.owed = Math.max(process.owed, self.version);
    process.trusts = false;
  }
  return false;
}

/** Readers of the other master, if there is one, do not have to see it yet. */
function promiseWhereConfirmed(next: State, { process, version }: Writer): void {
  promise(next, version, process);
  promiseOn(next, next.processes[process]?.server ?? next.master, version);
}

/** From now on reads through this server must see this version. */
export function promiseOn(state: State, index: number, version: number): void {
  const server = state.servers[index];
  if (server) server.promised = Math.max(server.promised, version);
}

/** From now on reads must see this version: those through one process, or all. */
export function promise(state: State, version: number, only?: number): void {
  for (const [index, process] of state.processes.entries())
    if (only === undefined || only === index) process.required = Math.max(process.required, version);
}
