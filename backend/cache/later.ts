// A timer that keeps no process alive.

export function later(delayMs: number, run: () => void): NodeJS.Timeout {
  return setTimeout(run, delayMs).unref();
}
