// The live tail: a line of JSON for each of what the cache decides.
// Tests: test/integration/operations-tail.test.ts
import type { ServerResponse } from "node:http";
import type { CacheEventName, CacheEvents } from "../engine/events.js";
import type { Access } from "./access.js";
import { NO_SUCH_TENANT, Refused } from "./answer.js";
import {
  type AnyEvent,
  EventStream,
  keyEnding,
  MAX_SAMPLE,
  seenBy,
  type TailBounds,
  type TailReading,
} from "./event-stream.js";

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

export class Tail {
  readonly #stream: EventStream;

  constructor(events: CacheEvents, bounds?: TailBounds) {
    this.#stream = new EventStream(events, bounds);
  }

  /** Answers until the reader goes, is too slow, or its time is over; or says why it does not. */
  follow(res: ServerResponse, access: Access, query: URLSearchParams): Refused | undefined {
    if (this.#stream.isFull)
      return new Refused(503, "busy", "too many follow the tail already", { "Retry-After": "10" });
    const filter = filterOf(access, query);
    if (filter instanceof Refused) return filter;
    this.#stream.send(res, {
      ...filter,
      contentType: "application/x-ndjson; charset=utf-8",
      lineOf,
      written: (lines, count) => `${[...lines, JSON.stringify(count)].join("\n")}\n`,
    });
    return undefined;
  }
}

type Filter = Pick<TailReading, "names" | "sample" | "isWanted">;

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
  const isSeen = seenBy(access, only);
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
  return JSON.stringify({ atMs, event: name, tenant, module, key: keyEnding(key), detail });
}
