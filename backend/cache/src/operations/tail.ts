// The live tail: a line of JSON for each of what the cache decides. Nobody ever waits for a reader.
// Tests: test/integration/operations-tail.test.ts
import type { ServerResponse } from "node:http";
import type { CacheEvent, CacheEventName, CacheEvents, InvalidatedEvent } from "../engine/events.js";
import { clearTimeout, monotonicNow, setTimeout, type Timer } from "../timers.js";
import type { Access } from "./access.js";
import { NO_SUCH_TENANT, Refused } from "./answer.js";

const MAX_READERS = 8;
/** In each interval; what is more is counted. */
const MAX_EVENTS = 25;
const INTERVAL_MS = 500;
/** What a reader has not taken. */
const MAX_UNREAD_BYTES = 64 * 1024;
/** Then the reader asks again, and so is asked again who it is. */
const MAX_DURATION_MS = 5 * 60_000;
const MAX_SAMPLE = 1000;
/** The end of an entry's key: what is in front of it is the same for many. */
const KEY_CHARACTERS = 8;

const NAMES = [
  "hit",
  "miss",
  "stored",
  "bypass",
  "stale",
  "collapsed",
  "alarm",
  "invalidated",
] as const satisfies readonly CacheEventName[];

type AnyEvent = CacheEvent | InvalidatedEvent;

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

  /** Answers until the reader goes, is too slow, or its time is over; or says why it does not. */
  follow(res: ServerResponse, access: Access, query: URLSearchParams): Refused | undefined {
    if (this.#readers >= MAX_READERS)
      return new Refused(503, "busy", "too many follow the tail already", { "Retry-After": "10" });
    const filter = filterOf(access, query);
    if (filter instanceof Refused) return filter;
    const { names, sample, isWanted } = filter;
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
      lines.push(JSON.stringify({ seen, skipped }));
      res.write(`${lines.join("\n")}\n`);
      lines = [];
      [seen, skipped] = [0, 0];
      if (monotonicNow() - begunAtMs > this.#maxDurationMs) {
        end();
        res.end();
        return;
      }
      timer = setTimeout(write, INTERVAL_MS).unref();
    };
    res.on("close", end);
    res.setHeader("Content-Type", "application/x-ndjson; charset=utf-8");
    // nginx would keep lines back.
    res.setHeader("X-Accel-Buffering", "no");
    res.writeHead(200);
    write();
    return undefined;
  }
}

interface Filter {
  readonly names: readonly CacheEventName[];
  readonly sample: number;
  readonly isWanted: (event: AnyEvent) => boolean;
}

function filterOf(access: Access, query: URLSearchParams): Filter | Refused {
  const [tenant, module] = [query.get("tenant") || undefined, query.get("module") || undefined];
  const asked = query.getAll("event").flatMap((each) => each.split(","));
  const names = NAMES.filter((name) => asked.length === 0 || asked.includes(name));
  if (asked.some((name) => !NAMES.some((each) => each === name)))
    return new Refused(400, "ETC_OPTIONS", `event: write some of ${NAMES.join(", ")}`);
  const sample = Number(query.get("sample") ?? 1);
  if (!Number.isInteger(sample) || sample < 1 || sample > MAX_SAMPLE)
    return new Refused(400, "ETC_OPTIONS", `sample: write a whole number from 1 to ${MAX_SAMPLE}`);
  const only = tenant === undefined ? undefined : access.tenant(tenant);
  if (tenant !== undefined && only === undefined) return NO_SUCH_TENANT;
  // What concerns no tenant is for who sees all.
  const isSeen = ({ tenant: of }: AnyEvent) =>
    only === undefined ? access.seesAll || (of !== undefined && access.sees(of)) : of === only;
  return { names, sample, isWanted: (event) => isSeen(event) && (!module || isOf(event, module)) };
}

function isOf(event: AnyEvent, module: string): boolean {
  return "module" in event ? event.module === module : event.everything || event.modules.includes(module);
}

/** JSON has no line breaks, which would end the line. */
function lineOf(name: CacheEventName, event: AnyEvent): string {
  const atMs = Date.now();
  if (!("module" in event)) return JSON.stringify({ atMs, event: name, ...event });
  const { tenant, module, key, detail } = event;
  return JSON.stringify({ atMs, event: name, tenant, module, key: key?.slice(-KEY_CHARACTERS), detail });
}
