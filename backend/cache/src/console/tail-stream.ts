// The stream of the live tail: server-sent events of what the cache decides.
// Tests: test/integration/console-tail.test.ts
import type { ServerResponse } from "node:http";
import type { CacheEvent, CacheEventName, CacheEvents } from "../engine/events.js";
import type { Access } from "../operations/access.js";
import {
  type AnyEvent,
  EventStream,
  keyEnding,
  MAX_SAMPLE,
  seenBy,
  type TailBounds,
} from "../operations/event-stream.js";

const RETRY_MS = 2000;

const NAMES: readonly CacheEventName[] = ["hit", "miss", "stored", "bypass", "stale", "collapsed", "alarm"];

export class Tail {
  readonly #stream: EventStream;

  constructor(events: CacheEvents, bounds?: TailBounds) {
    this.#stream = new EventStream(events, bounds);
  }

  get isFull(): boolean {
    return this.#stream.isFull;
  }

  /** Answers until the reader goes, is too slow, or its time is over. */
  stream(res: ServerResponse, access: Access, query: URLSearchParams): void {
    this.#stream.send(res, {
      names: NAMES,
      sample: Math.min(Math.max(Math.trunc(Number(query.get("sample"))) || 1, 1), MAX_SAMPLE),
      isWanted: wantedBy(access, query),
      contentType: "text/event-stream; charset=utf-8",
      opening: `retry: ${RETRY_MS}\n\n`,
      lineOf: told,
      written: (lines, count) =>
        [
          ...lines.map((data) => `data: ${data}\n\n`),
          `event: count\ndata: ${JSON.stringify(count)}\n\n`,
        ].join(""),
    });
  }
}

function wantedBy(access: Access, query: URLSearchParams): (event: AnyEvent) => boolean {
  const tenant = query.get("tenant") || undefined;
  const module = query.get("module") || undefined;
  const only = tenant === undefined ? undefined : access.tenant(tenant);
  // A tenant that the person does not see.
  if (tenant !== undefined && only === undefined) return () => false;
  const isSeen = seenBy(access, only);
  return (event) => "module" in event && (module === undefined || event.module === module) && isSeen(event);
}

/** JSON has no line breaks, which would end the event. */
function told(event: CacheEventName, heard: AnyEvent): string {
  // All of `NAMES` are of a request or an entry.
  const { tenant, module, key, detail } = heard as CacheEvent;
  return JSON.stringify({ at: Date.now(), event, tenant, module, detail, key: keyEnding(key) });
}
