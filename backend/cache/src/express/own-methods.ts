// Methods that one response has in the place of Node's.
import type { ServerResponse } from "node:http";

type Methods = Pick<ServerResponse, "writeHead" | "write" | "end" | "flushHeaders" | "addTrailers" | "on"> & {
  /** Of the `compression` package. */
  flush: () => void;
  /** Of HTTP/2. */
  setTrailer: (name: string, value: unknown) => void;
};

/**
 * Gives a response methods of its own. Not `res.end = () => …`: V8 takes a function that is written as the
 * value of an assignment to a property for a method that stays, and puts it into the old generation at once.
 * There it outlives the request until the next full collection, and keeps all of it: after a few thousand
 * misses V8 takes the objects of every request for long-lived, allocates them in the old generation, too, and
 * hits cost half as much again for as long as the process lives.
 */
export function setMethods(res: ServerResponse, methods: Partial<Methods>): void {
  const { writeHead, write, end, flushHeaders, addTrailers, on, flush, setTrailer } = methods;
  if (writeHead) res.writeHead = writeHead;
  if (write) res.write = write;
  if (end) res.end = end;
  if (flushHeaders) res.flushHeaders = flushHeaders;
  if (addTrailers) res.addTrailers = addTrailers;
  if (on) res.on = on;
  if (flush) (res as ServerResponse & Partial<Methods>).flush = flush;
  if (setTrailer) (res as ServerResponse & Partial<Methods>).setTrailer = setTrailer;
}

/** Calls `told` before the response gets trailers. */
export function onTrailers(res: ServerResponse & Partial<Methods>, told: () => void): void {
  const { addTrailers, setTrailer } = res;
  const adding: Methods["addTrailers"] = (trailers) => {
    told();
    Reflect.apply(addTrailers, res, [trailers]);
  };
  setMethods(res, { addTrailers: adding });
  if (typeof setTrailer !== "function") return;
  const setting: Methods["setTrailer"] = (name, value) => {
    told();
    Reflect.apply(setTrailer, res, [name, value]);
  };
  setMethods(res, { setTrailer: setting });
}

/** Calls `flushed` behind the `flush` that compression in front of the cache offers. */
export function onFlush(res: ServerResponse & { flush?: () => void }, flushed: () => void): void {
  const { flush } = res;
  if (typeof flush !== "function") return;
  const withTold = (...args: []) => {
    Reflect.apply(flush, res, args);
    flushed();
  };
  setMethods(res, { flush: withTold });
}
