// The AsyncLocalStorages that a test file makes end with it: up to Node 22 each one that was used makes every later promise of the process dearer.
// Tests: test/integration/runner.test.ts
import asyncHooks, { AsyncLocalStorage } from "node:async_hooks";

const made = new Set<AsyncLocalStorage<unknown>>();

class EndedStorage<T> extends AsyncLocalStorage<T> {
  constructor(...args: ConstructorParameters<typeof AsyncLocalStorage<T>>) {
    super(...args);
    made.add(this);
  }
}

/** From now on test files, and Jest's runner of each, make storages that {@link endStorages} finds. */
export function followStorages(): void {
  // Node's modules are the only ones that files share: Jest hands out this object. From Node 22 on the class
  // is behind a getter, which has no setter.
  Object.defineProperty(asyncHooks, "AsyncLocalStorage", {
    value: EndedStorage,
    enumerable: true,
    configurable: true,
    writable: true,
  });
}

/** Node lists what was used until it is disabled, and tells each of them about each promise. */
export function endStorages(): void {
  for (const storage of made) storage.disable();
  made.clear();
}
