// Listeners on clients: removed when they are not needed any more, so that a client of the user's is left as it was found.
// Tests: test/faults/shared-client.test.ts
import type { Emitter } from "./redis-client.js";

type Listener = (...args: never[]) => void;

/**
 * All that listen to one event of one emitter: for the emitter a single one, or Node would warn of a leak
 * from the eleventh cache on.
 */
class Hub {
  readonly listeners = new Set<Listener>();
  readonly dispatch = (...args: never[]) => {
    for (const listener of this.listeners) listener(...args);
  };
}

const hubs = new WeakMap<Emitter, Map<string, Hub>>();

export class Listeners {
  readonly #removals: (() => void)[] = [];

  add(emitter: Emitter, event: string, listener: Listener): void {
    let ofEmitter = hubs.get(emitter);
    if (!ofEmitter) {
      ofEmitter = new Map();
      hubs.set(emitter, ofEmitter);
    }
    let hub = ofEmitter.get(event);
    if (!hub) {
      hub = new Hub();
      ofEmitter.set(event, hub);
      emitter.on(event, hub.dispatch);
    }
    hub.listeners.add(listener);
    this.#removals.push(() => remove(emitter, event, listener));
  }

  removeAll(): void {
    for (const removal of this.#removals.splice(0)) removal();
  }
}

function remove(emitter: Emitter, event: string, listener: Listener): void {
  const ofEmitter = hubs.get(emitter);
  const hub = ofEmitter?.get(event);
  hub?.listeners.delete(listener);
  if (!hub || hub.listeners.size > 0) return;
  emitter.off(event, hub.dispatch);
  ofEmitter?.delete(event);
}
