// What the library writes its state changes to.

/**
 * Any logger with these three methods: `console`, pino, winston. One line per state change, never per
 * request.
 */
export interface Logger {
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}
