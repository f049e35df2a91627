// The listeners of one of the library's emitters: where one throws, that is said once, and whoever tells them goes on.
// Tests: test/integration/broken-observers.test.ts
import type { EventEmitter } from "node:events";
import type { Logger } from "../logger.js";
import { messageOf } from "../thrown.js";

export class Listeners<Events extends Record<keyof Events, unknown[]>> {
  readonly #emitter: EventEmitter;
  readonly #of: string;
  readonly #logger: Logger;
  #hasFailed = false;

  /** @param of whose they are, for the log */
  constructor(emitter: EventEmitter<Events>, of: string, logger: Logger) {
    // The names and the types of their events are those of one map.
    this.#emitter = emitter as unknown as EventEmitter;
    this.#of = of;
    this.#logger = logger;
  }

  tell<Name extends keyof Events & string>(name: Name, event: Events[Name][0]): void {
    try {
      this.#emitter.emit(name, event);
    } catch (error) {
      if (this.#hasFailed) return;
      this.#hasFailed = true;
      const reason = messageOf(error);
      this.#logger.error(`express-tenant-cache: a listener of ${this.#of} threw (${reason}); said once`);
    }
  }
}
