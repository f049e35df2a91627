// Holds a response back until something has happened: no byte of it reaches the client before.
import type { OutgoingHttpHeader } from "node:http";
import type { Response } from "express";
import { LateHead, statusMessageOf } from "./late-head.js";
import { setMethods } from "./own-methods.js";

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
 * @param fail gets what Node throws when the answer is let go (a body that is no text, a status that is none): without the
 *   hold the handler would have thrown it
 */
export function holdBack(
  res: Response,
  beforeRelease: (moment: Moment) => Promise<void>,
  fail: (error: unknown) => void,
): void {
  const original = { write: res.write, end: res.end, flushHeaders: res.flushHeaders };
  const late = new LateHead(res);
  let held: (() => void)[] | undefined;
  let begun = false;
  let ended = false;
  let owesDrain = false;

  const release = (): void => {
    const calls = held ?? [];
    held = undefined;
    try {
      for (const call of calls) call();
    } catch (error) {
      fail(error);
      return;
    }
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

  const write = (...args: unknown[]) => {
    const call = () => Reflect.apply(original.write, res, args) as boolean;
    if (begun && !held) return call();
    if (ended) return false;
    if (typeof args[0] === "string" || args[0] instanceof Uint8Array) settleHead(res);
    begun = true;
    owesDrain = true;
    hold("begun", call);
    return false;
  };
  const flushHeaders = () => {
    const call = () => Reflect.apply(original.flushHeaders, res, []);
    if (begun && !held) return call();
    if (ended) return;
    settleHead(res);
    begun = true;
    hold("begun", call);
  };
  const end = (...args: unknown[]) => {
    // What ends an answer that has ended already, an error handler say, is not heard.
    if (ended) return held ? res : Reflect.apply(original.end, res, args);
    // Also the status by which the moment is judged may be changed at the last moment.
    late.settle();
    ended = true;
    const thaw = freezeHead(res);
    const last = () => {
      thaw();
      Reflect.apply(original.end, res, args);
    };
    // While the first answer is held, the end waits behind it and asks again: something was written in parts.
    if (begun && held) held.push(() => hold("ended", last));
    else hold("ended", last);
    return res;
  };
  setMethods(res, { write: write as typeof res.write, flushHeaders, end: end as typeof res.end });
  res.once("close", () => {
    if (!ended) void beforeRelease("closed");
  });
}

/**
 * Writes status and headers, as the held call will not do before it is let go: from now on the handler is told that they are
 * sent, so that no error handler puts a second answer behind the first part of this one. Nothing is sent yet.
 */
function settleHead(res: Response): void {
  if (!res.headersSent) res.writeHead(res.statusCode);
}

/** Keeps status and headers as they are now, whatever is done to them until the returned function is called. */
function freezeHead(res: Response): () => void {
  if (res.headersSent) return () => undefined;
  const { statusCode, writeHead } = res;
  const statusMessage = statusMessageOf(res);
  const headers = headersOf(res);
  setMethods(res, { writeHead: () => res });
  return () => {
    res.writeHead = writeHead;
    res.statusCode = statusCode;
    if (statusMessage !== statusMessageOf(res)) res.statusMessage = statusMessage;
    const kept = new Map(headers.map(([name, value]) => [name.toLowerCase(), value]));
    for (const name of res.getHeaderNames()) if (!kept.has(name)) res.removeHeader(name);
    for (const [name, value] of headers) if (res.getHeader(name) !== value) res.setHeader(name, value);
  };
}

function headersOf(res: Response & { getRawHeaderNames?: () => string[] }): [string, OutgoingHttpHeader][] {
  const names = res.getRawHeaderNames?.() ?? res.getHeaderNames();
  return names.map((name) => [name, res.getHeader(name) ?? ""]);
}
