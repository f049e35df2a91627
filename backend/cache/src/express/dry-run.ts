// Dry runs: requests that the app handles up to `cacheList`, which says what it would do instead of doing it.
// Tests: test/integration/explain.test.ts, test/integration/explain-handlers.test.ts
import type { Request, Response } from "express";
import { clearTimeout, setTimeout } from "../timers.js";

/** What can explain itself: a cached route. */
export interface Explaining<Told> {
  explain(req: Request, tenant: string | undefined): Promise<Told>;
}

/** Where a dry run has ended. */
export type DryRunEnd<Told> =
  | { readonly kind: "reached"; readonly told: Told }
  /** Something in front of the cache has answered. */
  | { readonly kind: "answered"; readonly status: number }
  /** What is next would be a handler. */
  | { readonly kind: "not-cached"; readonly route: string | null }
  | { readonly kind: "unanswered" };

/**
 * The requests that are dry runs, of all caches of the process: not something that a request from outside could
 * claim. A cache that is not the one that was asked must not run its handler either.
 */
const runs = new WeakMap<object, DryRun<unknown>>();
let underWay = 0;

/**
 * What has answered, or has not yet, may still go on to a handler: the mark counts for as long as anybody has the
 * request. What has come to `cacheList` is in nobody's hands.
 */
const left = new FinalizationRegistry((release: () => void) => release());

interface DryRunBounds {
  readonly withinMs: number;
  /** Called when nothing of it can run any more. */
  readonly unguard: () => void;
}

/** The dry run that this request is. As good as free while there is none. */
export function dryRunOf(req: object): DryRun<unknown> | undefined {
  return underWay === 0 ? undefined : runs.get(req);
}

export class DryRun<Told> {
  /** Stands in where the app finds no tenant. */
  readonly tenant: string | undefined;
  readonly ended: Promise<DryRunEnd<Told>>;
  #isOver = false;
  #res: Response | undefined;
  #end: (end: DryRunEnd<Told> | Promise<DryRunEnd<Told>>) => void = () => undefined;

  constructor(tenant: string | undefined) {
    this.tenant = tenant;
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  /** Nothing more of it is to run. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Called with what is handed to the app. */
  begin(req: object, res: Response, { withinMs, unguard }: DryRunBounds): void {
    this.#res = res;
    runs.set(req, this as DryRun<unknown>);
    underWay++;
    const late = setTimeout(() => this.over({ kind: "unanswered" }), withinMs);
    const release = () => {
      underWay--;
      unguard();
    };
    const asked = new WeakRef(req);
    const done = ({ kind }: DryRunEnd<Told>) => {
      clearTimeout(late);
      this.#res = undefined;
      const held = kind === "answered" || kind === "unanswered" ? asked.deref() : undefined;
      if (held) left.register(held, release);
      else release();
    };
    this.ended.then(done, () => done({ kind: "not-cached", route: null }));
  }

  /** A `cacheList` has been reached. */
  reached(route: Explaining<Told>, req: Request): void {
    if (this.#isOver) return;
    this.over(route.explain(req, this.tenant).then((told) => ({ kind: "reached", told })));
  }

  over(end: DryRunEnd<Told> | Promise<DryRunEnd<Told>>): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#end(end);
    // Whoever waits for the end of the response (a log, a limit of requests under way) is let go.
    const res = this.#res;
    if (!res || res.writableEnded || res.headersSent) return;
    res.statusCode = 204;
    res.end();
  }
}
