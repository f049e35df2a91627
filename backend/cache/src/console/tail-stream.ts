// The stream of the live tail: server-sent events of what the cache decides. Nobody ever waits for a reader.
// Tests: test/integration/console-tail.test.ts
import type { ServerResponse } from "node:http";
import type { CacheEvent, CacheEventName, CacheEvents } from "../engine/events.js";
import type { Access } from "../operations/access.js";
import { clearTimeout, monotonicNow, setTimeout, type Timer } from "../timers.js";

const MAX_READERS = 8;
/** In each interval; what is more is counted. */
const MAX_EVENTS = 25;
const INTERVAL_MS = 500;
/** What a reader has not taken. */
const MAX_UNREAD_BYTES = 64 * 1024;
/** Then the browser asks again, and so is asked again who it is. */
const MAX_DURATION_MS = 5 * 60_000;
const RETRY_MS = 2000;
const MAX_SAMPLE = 1000;
const KEY_CHARACTERS = 8;

const NAMES: readonly CacheEventName[] = ["hit", "miss", "stored", "bypass", "stale", "collapsed", "alarm"];

export interface TailBounds {
  readonly maxDurationMs: number;
}

export class Tail {
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

  /** Answers until the reader goes, is too slow, or its time is over. */
  stream(res: ServerResponse, access: Access, query: URLSearchParams): void {
    const wanted = wantedBy(access, query);
    const sample = Math.min(Math.max(Math.trunc(Number(query.get("sample"))) || 1, 1), MAX_SAMPLE);
    let waiting: string[] = [];
    let [seen, skipped, counter] = [0, 0, 0];
    const hear = (name: CacheEventName, event: CacheEvent) => {
      if (!wanted(event)) return;
      seen++;
      if (++counter % sample !== 0) return;
      if (waiting.length >= MAX_EVENTS) skipped++;
      else waiting.push(told(name, event));
    };
    const listeners = NAMES.map((name) => [name, (event: CacheEvent) => hear(name, event)] as const);
    for (const [name, listener] of listeners) this.#events.on(name, listener);
    this.#readers++;
    const startedAtMs = monotonicNow();
    let timer: Timer | undefined;
    let isOver = false;
    const end = () => {
      if (isOver) return;
      isOver = true;
      this.#readers--;
      clearTimeout(timer);
      for (const [name, listener] of listeners) this.#events.off(name, listener);
    };
    const write = () => {
      if (isOver) return;
      if (res.writableLength > MAX_UNREAD_BYTES) {
        end();
        // Its socket is full: an end would wait in it as well.
        res.destroy();
        return;
      }
      const pieces = waiting.map((data) => `data: ${data}\n\n`);
      pieces.push(`event: count\ndata: ${JSON.stringify({ seen, skipped })}\n\n`);
      waiting = [];
      [seen, skipped] = [0, 0];
      res.write(pieces.join(""));
      if (monotonicNow() - startedAtMs > this.#maxDurationMs) {
        end();
        res.end();
        return;
      }
      timer = setTimeout(write, INTERVAL_MS).unref();
    };
    res.on("close", end);
    res.setHeader("Content-Type", "text/event-stream; charset=utf-8");
    // nginx would keep events back.
    res.setHeader("X-Accel-Buffering", "no");
    res.writeHead(200);
    res.write(`retry: ${RETRY_MS}\n\n`);
    write();
  }
}

/** What concerns no tenant is for who sees all. */
function wantedBy(access: Access, query: URLSearchParams): (event: CacheEvent) => boolean {
  const tenant = query.get("tenant") || undefined;
  const module = query.get("module") || undefined;
  const asked = tenant === undefined ? undefined : access.tenant(tenant);
  return (event) => {
    if (module !== undefined && event.module !== module) return false;
    if (tenant !== undefined) return asked !== undefined && event.tenant === asked;
    return access.seesAll || (event.tenant !== undefined && access.sees(event.tenant));
  };
}

/** JSON has no line breaks, which would end the event. */
function told(event: CacheEventName, { tenant, module, key, detail }: CacheEvent): string {
  const ending = key?.slice(-KEY_CHARACTERS);
  return JSON.stringify({ at: Date.now(), event, tenant, module, detail, key: ending });
}
