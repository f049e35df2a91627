// What happens to processes and servers: faults, each at any time and as often as configured, and what follows them.

import { tell, waitsNoMore } from "./lease-steps.js";
import { NO_BELIEF, type Settings } from "./settings.js";
import { newToken, type Offer, type Process, type State } from "./state.js";
import { expireMark, replaceFence, serverOf } from "./store-steps.js";
import { promise, promiseOn } from "./writer-steps.js";

export function faultSteps(state: State, settings: Settings, offer: Offer): void {
  serverFaults(state, settings, offer);
  expiries(state, settings, offer);
  for (const [index, process] of state.processes.entries()) {
    if (!process.alive) continue;
    const step = (label: string, change: (next: State, self: Process) => void) =>
      offer(`process ${index + 1} ${label}`, (next) => {
        const self = next.processes[index];
        if (self) change(next, self);
      });
    if (state.faults.crash > 0) step("CRASHES", (next, self) => crash(next, self, index, settings));
    if (state.faults.cut > 0 && !process.cut) {
      step("is CUT OFF from the store", (next, self) => {
        next.faults.cut--;
        self.cut = true;
      });
    }
    if (process.cut) {
      step("reaches the store again", (_next, self) => {
        self.cut = false;
      });
    } else connections(state, settings, process, step);
    if (!process.trusts && serverOf(state, index, settings)) recovery(process, settings, index, step);
  }
}

type Step = (label: string, change: (next: State, self: Process) => void) => void;

function connections(
  state: State,
  { splitBrain, protections }: Settings,
  process: Process,
  step: Step,
): void {
  const connect = (label: string, server: number) =>
    step(label, (next, self) => {
      self.server = server;
      self.epoch = next.epoch;
      self.trusts = false;
      if (protections.repeatsOnNextServer) self.owed = Math.max(self.owed, self.confirmed);
    });
  const other = 1 - state.master;
  if (process.server !== state.master) connect("connects to the new master", state.master);
  else if (splitBrain && !protections.neverGoesBack && state.servers[other]?.isMaster)
    connect("is led back to the old master by a sentinel that has not heard yet", other);
}

/** The probe has answered: replay, then close the circuit. */
function recovery({ owed, replaying }: Process, settings: Settings, index: number, step: Step): void {
  const { protections, splitBrain, splitCounts } = settings;
  if (owed > 0 && settings.leased && replaying === null) {
    step("sends its recovery queue", (next, self) => {
      const server = serverOf(next, index, settings);
      if (!server?.isMaster) return;
      replaceFence(next, server);
      self.replaying = tell(next, index, server, settings);
    });
  }
  if (owed > 0 && (!settings.leased || replaying?.readers === 0)) {
    step(
      settings.leased ? "is sure that its replay is known" : "replays its recovery queue",
      (next, self) => {
        const server = serverOf(next, index, settings);
        if (!server?.isMaster) return;
        if (!settings.leased) replaceFence(next, server);
        self.replaying = null;
        if (splitBrain && !splitCounts) promiseOn(next, self.server ?? next.master, owed);
        else promise(next, owed);
        if (splitBrain) self.confirmed = Math.max(self.confirmed, owed);
        self.owed = 0;
      },
    );
  }
  if (owed === 0 || !protections.replayBeforeTrust) {
    step("closes its circuit", (next, self) => {
      self.trusts = true;
      // It has moved: what it had been told elsewhere counts here, too.
      if (splitBrain) promiseOn(next, self.server ?? next.master, self.confirmed);
    });
  }
}

/** A guarded write ends with its process: whoever reads from then on sees it. */
function crash(next: State, self: Process, index: number, { crashCounts }: Settings): void {
  next.faults.crash--;
  for (const { process, phase, marked, version } of next.writers)
    if (process === index && phase === "committed" && (marked || crashCounts)) promise(next, version);
  Object.assign(self, {
    alive: false,
    cut: false,
    server: null,
    trusts: false,
    owed: 0,
    confirmed: 0,
    epoch: 0,
    local: null,
    required: 0,
    belief: { ...NO_BELIEF },
    replaying: null,
  });
  waitsNoMore(next, index);
  for (const actor of [...next.writers, ...next.readers])
    if (actor.process === index)
      Object.assign(actor, {
        phase: "idle",
        marked: false,
        awaited: null,
        version: 0,
        required: 0,
        fence: 0,
        tag: 0,
        runId: 0,
      });
}

function serverFaults(state: State, { splitBrain, idPerPromotion }: Settings, offer: Offer): void {
  const replica = 1 - state.master;
  const isSplit = state.servers[replica]?.isMaster === true;
  if (state.faults.flush > 0) {
    offer("FLUSHALL", (next) => {
      next.faults.flush--;
      const server = next.servers[next.master];
      if (server)
        Object.assign(server, { fence: null, tag: next.namesTags ? null : 0, marks: 0, entry: null });
      if (server) Object.assign(server.registry, { runId: -1, told: 0, readers: 0, isRipe: false });
    });
  }
  if (state.faults.otherTag > 0) {
    offer("another tag of the tenant is invalidated", (next) => {
      next.faults.otherTag--;
      const server = next.servers[next.master];
      if (server) server.fence = newToken(next);
    });
  }
  if (isSplit) {
    offer("the old master is DEMOTED, and takes over what the new one has", (next) => {
      const demoted = next.servers[replica];
      if (demoted) demoted.isMaster = false;
      copyData(next, state.master, replica);
    });
  }
  if (isSplit && state.faults.failover > 0) {
    offer("FAILOVER: back to the old master, which has been one all the time", (next) => {
      next.faults.failover--;
      next.epoch++;
      next.master = replica;
    });
  }
  if (isSplit || (state.faults.failover === 0 && !splitBrain)) return;
  offer("the replica catches up", (next) => copyData(next, state.master, replica));
  if (state.faults.failover === 0) return;
  offer("FAILOVER: the replica is promoted as it is", (next) => {
    next.faults.failover--;
    next.master = replica;
    const promoted = next.servers[replica];
    const replaced = next.servers[state.master];
    if (!promoted || !replaced) return;
    promoted.isMaster = true;
    promoted.promised = Math.max(promoted.promised, replaced.promised);
    if (idPerPromotion) promoted.runId = 2 + Math.max(...next.servers.map(({ runId }) => runId));
    if (splitBrain) {
      next.epoch++;
      return;
    }
    replaced.isMaster = false;
    for (const process of next.processes) if (process.server === state.master) process.server = null;
    copyData(next, replica, state.master);
  });
}

/**
 * A replica holds what its master held at some time: how far it lags is a matter of when it last caught up.
 */
function copyData(next: State, from: number, to: number): void {
  const source = next.servers[from];
  const target = next.servers[to];
  if (source && target)
    Object.assign(target, {
      fence: source.fence,
      tag: source.tag,
      marks: source.marks,
      entry: source.entry,
      registry: { ...source.registry },
    });
}

/** A mark's deadline is an absolute time: it passes on master and replica at once. */
function expiries(state: State, settings: Settings, offer: Offer): void {
  for (const [index, { process, phase }] of state.writers.entries()) {
    const mark = 1 << index;
    const isAtWork = state.processes[process]?.alive && (phase === "marked" || phase === "committed");
    if ((isAtWork && !settings.outlivesDeadline) || !state.servers.some(({ marks }) => marks & mark))
      continue;
    offer(`the mark of writer ${index + 1} expires`, (next) => {
      for (const server of next.servers) expireMark(server, mark, settings);
    });
  }
}
