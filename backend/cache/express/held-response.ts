// Holds a response back until something has happened: no byte of it reaches the client before.
import type { Response } from "express";

/**
 * `begun`: the handler writes the first part of its answer. `ended`: it has ended it. `closed`: the connection is gone and the
 * handler has not ended its answer; it may still be at work.
 */
export type Moment = "begun" | "ended" | "closed";

/**
 * Calls `beforeRelease` when the handler begins to answer, and lets the answer go when that has resolved. Once more when it
 * ends, where it was written in parts: what the handler did in between is covered too. Also called where the
 * response is closed without having been ended, because the handler may have written by then.
 *
 * @param beforeRelease must not reject
 */
export function holdBack(res: Response, beforeRelease: (moment: Moment) => Promise<void>): void {
  const original = { write: res.write, end: res.end, flushHeaders: res.flushHeaders };
  let held: (() => void)[] | undefined;
  let begun = false;
  let ended = false;
  let owesDrain = false;

  const release = (): void => {
    const calls = held ?? [];
    held = undefined;
    for (const call of calls) call();
    // A writer that was told to wait has nothing else to wait for than this.
    if (owesDrain && !ended) res.emit("drain");
    owesDrain = false;
  };
  const hold = (moment: Moment, call: () => void): void => {
    if (held) {
      held.push(call);
      return;
    }
    held = [call];
    void beforeRelease(moment).finally(release);
  };

  res.write = ((...args: unknown[]) => {
    const call = () => Reflect.apply(original.write, res, args) as boolean;
    if (begun && !held) return call();
    begun = true;
    owesDrain = true;
    hold("begun", call);
    return false;
  }) as typeof res.write;
  res.flushHeaders = () => {
    const call = () => Reflect.apply(original.flushHeaders, res, []);
    if (begun && !held) return call();
    begun = true;
    hold("begun", call);
  };
  res.end = ((...args: unknown[]) => {
    if (ended) return Reflect.apply(original.end, res, args);
    ended = true;
    const last = () => void Reflect.apply(original.end, res, args);
    // While the first answer is held, the end waits behind it and asks again: something was written in parts.
    if (begun && held) held.push(() => hold("ended", last));
    else hold("ended", last);
    return res;
  }) as typeof res.end;
  res.once("close", () => {
    if (!ended) void beforeRelease("closed");
  });
}
