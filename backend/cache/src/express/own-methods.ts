// Methods that one response has in the place of Node's.
import type { ServerResponse } from "node:http";

type Methods = Pick<ServerResponse, "writeHead" | "write" | "end" | "flushHeaders" | "addTrailers"> & {
  /** Of the `compression` package. */
  flush: () => void;
};

/**
 * Gives a response methods of its own. Not `res.end = () => …`: V8 takes a function that is written as the
 * value of an assignment to a property for a method that stays, and puts it into the old generation at once.
 * There it outlives the request until the next full collection, and keeps all of it: after a few thousand
 * misses V8 takes the objects of every request for long-lived, allocates them in the old generation, too, and
 * hits cost half as much again for as long as the process lives.
 */
export function setMethods(res: ServerResponse, methods: Partial<Methods>): void {
  const { writeHead, write, end, flushHeaders, addTrailers, flush } = methods;
  if (writeHead) res.writeHead = writeHead;
  if (write) res.write = write;
  if (end) res.end = end;
  if (flushHeaders) res.flushHeaders = flushHeaders;
  if (addTrailers) res.addTrailers = addTrailers;
  if (flush) (res as ServerResponse & Partial<Methods>).flush = flush;
}
