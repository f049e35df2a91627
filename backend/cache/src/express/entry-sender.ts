// Answers from entries that cannot fail a request: what throws while one is sent leaves the response as it was, for the handler.
// Tests: test/integration/unsendable-hits.test.ts
import type { IncomingMessage, ServerResponse } from "node:http";
import { type CacheStatus, hitStatus } from "../cache-status.js";
import type { Entry } from "../codec/entry.js";
import type { Logger } from "../logger.js";
import { messageOf } from "../thrown.js";
import { type Field, NOTHING_EARLIER } from "./entry-head.js";
import type { OwnHeaders } from "./own-headers.js";
import { isUntouched, replay, replayAlone } from "./replay.js";
import { type KeptHead, keepHead, putHeadBack, UNTOUCHED } from "./response-head.js";

/**
 * - `sent`: the response is answered, here or by whoever began it before
 * - `could-be-smaller`: sent, and the client would have taken a variant that the entry does not have
 * - `unsent`: nothing has been sent, and the head is as it was: the handler can answer
 */
export type Sending = "sent" | "could-be-smaller" | "unsent";

/**
 * What throws is mostly middleware: a wrapped `writeHead`, `end` or `setHeader`, or what waits for the head
 * to be written.
 */
export class EntrySender {
  readonly #logger: Logger;
  #hasFailed = false;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** See {@link replay}. */
  send(
    req: IncomingMessage,
    res: ServerResponse,
    entry: Entry,
    status: CacheStatus,
    nowMs: number,
    own: OwnHeaders,
  ): Sending {
    const before = keepHead(res, res.getHeaders());
    try {
      return sendingOf(replay(req, res, entry, status, nowMs, own));
    } catch (error) {
      return this.#undo(res, before, error);
    }
  }

  /** Sends a hit. Where no middleware has touched the response, its head is written in one call. */
  sendHit(req: IncomingMessage, res: ServerResponse, entry: Entry, nowMs: number, own: OwnHeaders): Sending {
    if (isUntouched(res)) return this.sendAlone(req, res, entry, nowMs, own, NOTHING_EARLIER);
    return this.send(req, res, entry, hitStatus(entry, nowMs), nowMs, own);
  }

  /** See {@link replayAlone}. */
  sendAlone(
    req: IncomingMessage,
    res: ServerResponse,
    entry: Entry,
    nowMs: number,
    own: OwnHeaders,
    earlier: readonly Field[],
  ): Sending {
    try {
      return sendingOf(replayAlone(req, res, entry, nowMs, own, earlier));
    } catch (error) {
      return this.#undo(res, UNTOUCHED, error);
    }
  }

  #undo(res: ServerResponse, before: KeptHead, error: unknown): Sending {
    if (!this.#hasFailed) {
      this.#hasFailed = true;
      const reason = messageOf(error);
      this.#logger.error(
        `express-tenant-cache: a hit could not be sent (${reason}); such requests go to their handlers`,
      );
    }
    if (!res.headersSent) {
      putHeadBack(res, before);
      return "unsent";
    }
    // Its head has left, so nobody can answer any more: the client learns that this is not all.
    if (!res.writableEnded) res.destroy();
    return "sent";
  }
}

function sendingOf(couldBeSmaller: boolean): Sending {
  return couldBeSmaller ? "could-be-smaller" : "sent";
}
