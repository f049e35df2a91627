// What the live tails share: events of the cache as they are decided, sampled and bounded. Nobody ever waits for a reader.
// Tests: test/integration/operations-tail.test.ts, test/integration/console-tail.test.ts
import type { ServerResponse } from "node:http";
import type { CacheEvent, CacheEventName, CacheEvents, InvalidatedEvent } from "../engine/events.js";
import { clearTimeout, monotonicNow, setTimeout, type Timer } from "../timers.js";
import type { Access } from "./access.js";

const MAX_READERS = 8;
/** In each interval; what is more is counted. */
const MAX_EVENTS = 25;
const INTERVAL_MS = 500;
/** What a reader has not taken. */
const MAX_UNREAD_BYTES = 64 * 1024;
/** Then the reader asks again, and so is asked again who it is. */
const MAX_DURATION_MS = 5 * 60_000;
const KEY_CHARACTERS = 8;

export const MAX_SAMPLE = 1000;

export type AnyEvent = CacheEvent | InvalidatedEvent;

export interface TailBounds {
  readonly maxDurationMs: number;
}

/** Of the events of one interval. */
export interface TailCount {
  readonly seen: number;
  readonly skipped: number;
}

/** What one reader is told, and in which form. */
export interface TailReading {
  readonly names: readonly CacheEventName[];
  /** One of so many events. */
  readonly sample: number;
  readonly isWanted: (event: AnyEvent) => boolean;
  readonly contentType: string;
  /** Sent at once, in front of the first interval. */
  readonly opening?: string;
  readonly lineOf: (name: CacheEventName, event: AnyEvent) => string;
  /** What is sent of an interval. */
  readonly written: (lines: readonly string[], count: TailCount) => string;
}

/**
 * Whether an event is for this person: what concerns no tenant is for who sees all.
 *
 * @param only of one tenant, which the person sees; `undefined`: of all that the person sees
 */
export function seenBy(access: Access, only: string | undefined): (event: AnyEvent) => boolean {
  if (only !== undefined) return ({ tenant }) => tenant === only;
  return ({ tenant }) => access.seesAll || (tenant !== undefined && access.sees(tenant));
}

export class EventStream {
  readonly #events: CacheEvents;
  readonly #maxDurationMs: number;
  #readers = 0;

  constructor(events: CacheEvents, { maxDurationMs }: TailBounds = { maxDurationMs: MAX_DURATION_MS }) {
    this.#events = events;
    this.#maxDurationMs = maxDurationMs;
  }

  get isFull(): boolean {
    return this.#readers >= MAX_READERS;
  }

  /** Answers until the reader goes, is too slow, its time is over, or the server or the cache is being closed. */
  send(res: ServerResponse, reading: TailReading): void {
    const { names, sample, isWanted, lineOf } = reading;
    let lines: string[] = [];
    let [seen, skipped, counter] = [0, 0, 0];
    const hear = (name: CacheEventName, event: AnyEvent) => {
      if (!isWanted(event)) return;
      seen++;
      if (++counter % sample !== 0) return;
      if (lines.length >= MAX_EVENTS) skipped++;
      else lines.push(lineOf(name, event));
    };
    const listeners = names.map((name) => [name, (event: AnyEvent) => hear(name, event)] as const);
    for (const [name, listener] of listeners) this.#events.on(name, listener);
    this.#readers++;
    const begunAtMs = monotonicNow();
    const isServerClosing = watchServer(res);
    let timer: Timer | undefined;
    let isOver = false;
    const end = () => {
      if (isOver) return;
      isOver = true;
      this.#readers--;
      clearTimeout(timer);
      for (const [name, listener] of listeners) this.#events.off(name, listener);
      unwatch();
    };
    const finish = () => {
      end();
      res.end();
    };
    const unwatch = this.#events.whenClosed(finish);
    const write = () => {
      if (isOver) return;
      if (res.writableLength > MAX_UNREAD_BYTES) {
        end();
        // Its socket is full: an end would wait in it as well.
        res.destroy();
        return;
      }
      res.write(reading.written(lines, { seen, skipped }));
      lines = [];
      [seen, skipped] = [0, 0];
      if (monotonicNow() - begunAtMs > this.#maxDurationMs || isServerClosing()) {
        finish();
        return;
      }
      timer = setTimeout(write, INTERVAL_MS).unref();
    };
    res.on("close", end);
    res.setHeader("Content-Type", reading.contentType);
    // nginx would keep events back.
    res.setHeader("X-Accel-Buffering", "no");
    // A server that is closed waits for connections that are kept, too.
    res.shouldKeepAlive = false;
    res.writeHead(200);
    if (reading.opening !== undefined) res.write(reading.opening);
    write();
  }
}

/** A server that is being closed waits for what is under way, and a stream would have it wait for minutes. */
function watchServer(res: ServerResponse): () => boolean {
  const { server } = Object(res.socket) as { readonly server?: { readonly listening?: boolean } };
  // One that is handed its connections never listens itself.
  return server?.listening === true ? () => server.listening !== true : () => false;
}

/** The end of an entry's key: what is in front of it is the same for many. */
export function keyEnding(key: string | undefined): string | undefined {
  return key?.slice(-KEY_CHARACTERS);
}
