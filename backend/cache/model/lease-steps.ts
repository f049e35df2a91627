// Read leases: who is told of a change, what a process believes meanwhile, and when a change counts (docs/internals/leased-freshness.md).
import type { Settings } from "./settings.js";
import type { Awaited, Belief, Offer, Process, Server, State } from "./state.js";
import { gatedServerOf, idOf, isPending, writableServerOf } from "./store-steps.js";

/**
 * No clock is modelled: a lease may run out at any time, and whoever waits one out goes on once every lease has run out that
 * was held when it began, or has been renewed since.
 */
export function leaseSteps(state: State, settings: Settings, offer: Offer): void {
  if (!settings.leased) return;
  for (const [index, { alive, cut, belief }] of state.processes.entries()) {
    if (!alive) continue;
    const step = (label: string, change: (next: State, own: Process) => void) =>
      offer(`process ${index + 1} ${label}`, (next) => {
        const own = next.processes[index];
        if (own) change(next, own);
      });
    if (belief.isHeld) {
      step("finds its lease run out", (next, own) => {
        own.belief.isHeld = !settings.protections.endsLease;
        waitsNoMore(next, index);
      });
    }
    const server = gatedServerOf(state, index, settings);
    if (server && writableServerOf(state, index, settings)) {
      step("renews its lease", (next, own) => {
        const asked = gatedServerOf(next, index, settings);
        if (asked) renew(next, own, index, asked, settings);
      });
    }
    if (server && belief.isHeld && belief.reading === 0 && !isPending(server, settings)) {
      step("reads the fence", (next, own) => {
        const asked = gatedServerOf(next, index, settings);
        const runId = asked && idOf(next, index, asked, settings);
        Object.assign(own.belief, { reading: asked?.fence ?? 0, readingRunId: runId, isSpoilt: false });
      });
    }
    if (belief.reading !== 0) {
      step("remembers the fence that it has read", (_next, own) => {
        const { reading, readingRunId, isSpoilt } = own.belief;
        if (!isSpoilt || !settings.protections.spoilsReadings)
          Object.assign(own.belief, { fence: reading, runId: readingRunId });
        Object.assign(own.belief, { reading: 0, readingRunId: 0, isSpoilt: false });
      });
    }
    messages(state, settings, index, step, cut);
  }
  for (const [index, server] of state.servers.entries()) {
    const { registry } = server;
    // Somebody has lived through a lease of this generation: those of others have run out.
    const isDue = state.processes.every(
      ({ belief: { isHeld, generation } }) => !isHeld || generation === registry.generation,
    );
    if (registry.runId < 0 || registry.isRipe || !isDue) continue;
    offer(`the registry of server ${index + 1} is ripe`, (next) => {
      const own = next.servers[index];
      if (own) own.registry.isRipe = true;
    });
  }
}

type Step = (label: string, change: (next: State, own: Process) => void) => void;

/** Those that the master has sent to a process, in their order. */
function messages(state: State, settings: Settings, index: number, step: Step, isCut: boolean): void {
  const belief = state.processes[index]?.belief;
  const registry = state.servers[state.processes[index]?.server ?? state.master]?.registry;
  if (!belief || registry?.generation !== belief.generation || belief.next > registry.told) return;
  if (isCut || state.faults.lose > 0) {
    step("is not reached by a message", (next, own) => {
      own.belief.next++;
      if (!isCut) next.faults.lose--;
    });
  }
  if (isCut) return;
  step("hears of a change", (next, own) => {
    if (settings.protections.forgetsWhatItHears) forget(own.belief);
    own.belief.told = own.belief.next++;
    for (const awaited of allAwaited(next))
      if (awaited.generation === own.belief.generation && awaited.told <= own.belief.told)
        awaited.readers &= ~(1 << index);
  });
}

/** What a hit needs no server for. */
export function believes(state: State, process: number): boolean {
  const { belief, local, trusts = false } = state.processes[process] ?? {};
  if (!state.leased || !trusts || !local || !belief?.isHeld || belief.fence === 0) return false;
  return local.fence === belief.fence && local.runId === belief.runId;
}

export function forget(belief: Belief): void {
  belief.fence = 0;
  belief.isSpoilt = belief.reading !== 0;
}

/** A process has changed the fence: what that waits for. Its own belief it forgets by itself. */
export function tell(
  next: State,
  process: number,
  server: Server,
  { protections, leased }: Settings,
): Awaited {
  const nobody = { readers: 0, generation: 0, told: 0 };
  if (!leased) return nobody;
  const own = next.processes[process];
  if (own) forget(own.belief);
  const { registry } = server;
  let held = 0;
  for (const [index, { belief }] of next.processes.entries())
    if (belief.isHeld && index !== process) held |= 1 << index;
  const isLost = registry.runId < 0 || (protections.registryNamesServer && registry.runId !== server.runId);
  if (isLost) return { ...nobody, readers: protections.waitsWhereLost ? held : 0 };
  if (registry.readers !== 0) registry.told++;
  const { generation, told, readers, isRipe } = registry;
  if (!isRipe && protections.waitsUntilRipe) return { ...nobody, readers: held };
  return { readers: readers & held, generation, told };
}

function renew(next: State, own: Process, index: number, server: Server, { protections }: Settings): void {
  const { belief } = own;
  const { registry } = server;
  if (registry.runId < 0 || (protections.registryNamesServer && registry.runId !== server.runId)) {
    const generation =
      1 + Math.max(...next.servers.map((each) => each.registry.generation), belief.generation);
    Object.assign(registry, { runId: server.runId, generation, told: 0, readers: 0, isRipe: false });
  }
  const isNew = belief.generation !== registry.generation || (registry.readers & (1 << index)) === 0;
  // Messages that are on their way are waited for: that is this step, later.
  if (!isNew && belief.told < registry.told && protections.renewalShowsGaps) {
    if (belief.next <= registry.told) return;
    forget(belief);
    belief.told = registry.told;
  }
  if (isNew) {
    forget(belief);
    Object.assign(belief, { generation: registry.generation, told: registry.told, next: registry.told + 1 });
  }
  registry.readers |= 1 << index;
  belief.isHeld = true;
  waitsNoMore(next, index);
}

/** A lease from before has run out, or what holds it on is from after. */
export function waitsNoMore(next: State, index: number): void {
  for (const awaited of allAwaited(next)) awaited.readers &= ~(1 << index);
}

function allAwaited({ writers, processes }: State): Awaited[] {
  return [...writers.map(({ awaited }) => awaited), ...processes.map(({ replaying }) => replaying)].filter(
    (awaited) => awaited !== null,
  );
}
