// The steady load: windows of it, and what the servers, the processes and the operators' pages come to in each.

import type { Population } from "../scale-population.js";
import { WRITE_SHARE, windowSeconds } from "../scale-terms.js";
import type { Delays, Memory } from "../subjects/process-controls.js";
import type { Judge } from "./judge.js";
import { type LoadFigures, steadyLoad } from "./judged-load.js";
import { type LookedAt, lookAt, type RedisFigures, type SweepFigures, type World } from "./world.js";

export interface Window {
  readonly load: LoadFigures;
  readonly redis: RedisFigures;
  readonly memory: readonly Memory[];
  readonly sweeps: SweepFigures;
  readonly looked: LookedAt;
  /** Of the first process, which shows the pages. */
  readonly delays: Delays;
}

export async function watch(
  world: World,
  population: Population,
  judge: Judge,
  onWindow: (window: Window, index: number) => void,
): Promise<readonly Window[]> {
  const seconds = windowSeconds(world.terms);
  const count = Math.max(1, Math.round((world.terms.minutes * 60) / seconds));
  const [first] = world.processes;
  if (!first) throw new Error("there is no process");
  const windows: Window[] = [];
  for (let index = 0; index < count; index++) {
    await first.ask("startDelays");
    const [load, looked] = await Promise.all([
      steadyLoad({
        ports: world.ports,
        population,
        judge,
        seconds,
        requestsPerSecond: world.terms.perSecond,
        writesPerSecond: world.terms.perSecond * WRITE_SHARE,
      }),
      lookAt(first),
    ]);
    const delays = await first.ask<Delays>("stopDelays");
    // Between two windows: a collection of all that is garbage is no part of the load.
    const memory = await world.memory();
    const window = {
      load,
      looked,
      delays,
      memory,
      redis: await world.redis(),
      sweeps: await world.sweeps(),
    };
    windows.push(window);
    onWindow(window, index);
  }
  return windows;
}
