// What a request through `cacheList` carries from step to step.
// Tests: test/integration/cache-list.test.ts
import type { NextFunction, Request, Response } from "express";
import type { Forwarded } from "../cache-status.js";
import type { Entry } from "../codec/entry.js";
import type { Moment } from "../engine/latencies.js";
import type { Hit } from "../engine/read-outcome.js";
import type { RouteRef } from "./resolved-request.js";

/** A request on its way through the middleware. */
export interface Exchange {
  readonly ref: RouteRef;
  readonly req: Request;
  readonly res: Response;
  readonly next: NextFunction;
  readonly begun: Moment;
}

/** An entry that answers, and the loan that its body may lie in. */
export type Answering = Pick<Hit, "entry" | "loan">;

/** Why the handler answers, and what it is asked for. */
export interface Missing {
  readonly fwd: Forwarded;
  /** The entry that the handler is to replace; it may answer where the handler fails. */
  readonly stale?: Entry | undefined;
  /**
   * The request asks for an answer that was made after this, milliseconds since the epoch; 0 where it does
   * not.
   */
  readonly notBeforeMs?: number | undefined;
}
