// What the library writes its state changes to.
// Tests: test/integration/broken-observers.test.ts
import { isThenable } from "./shown.js";

/**
 * Any logger with these three methods: `console`, pino, winston. One line per state change, never per
 * request.
 */
export interface Logger {
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

/** One that throws, or rejects, loses a line and nothing else: whoever tells a change goes on with it. */
export function unfailing(logger: Logger): Logger {
  const passing = (level: keyof Logger) => (message: string) => {
    try {
      const told: unknown = logger[level](message);
      if (isThenable(told)) told.then(undefined, () => undefined);
    } catch {
      // Nobody is left to be told.
    }
  };
  return { info: passing("info"), warn: passing("warn"), error: passing("error") };
}
