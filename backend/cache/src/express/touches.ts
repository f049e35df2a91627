// What has been changed and is not invalidated yet: of a request until its answer is let go, of a transaction until it has committed.
// Tests: test/integration/touched.test.ts, test/integration/touched-nested.test.ts, test/integration/touched-jobs.test.ts
import type { NextFunction, Response } from "express";
import type { Origin } from "../cause-origin.js";
import type { FencedScope } from "../engine/fences.js";
import { holdBack } from "./held-response.js";

/** Where `touched` hands over what it was told. */
export interface Touches {
  /** Of those who do not name one. */
  readonly tenant: string | undefined;
  readonly isOfRequest: boolean;
  /** Who does what is done here; `undefined` where that is not known. */
  readonly origin: Origin | undefined;
  /** @returns what to wait for; `undefined` where somebody else waits for the invalidation */
  add(scope: FencedScope, origin?: Origin): Promise<boolean> | undefined;
}

/**
 * @param origin who has changed it, where that is not whoever makes the request
 * @returns true once the store has confirmed. Does not reject
 */
type Invalidate = (scope: FencedScope, origin?: Origin) => Promise<boolean>;

interface Touched {
  readonly tenant: string;
  readonly origin: Origin | undefined;
  readonly modules: Set<string>;
  readonly tags: Set<string>;
}

/** What was changed of each tenant, by each origin: each module and tag once. */
class ScopeSet {
  readonly #touched = new Map<string, Touched>();

  add({ tenant, modules, tags }: FencedScope, origin: Origin | undefined): void {
    const name = JSON.stringify([tenant, origin]);
    const known = this.#touched.get(name) ?? { tenant, origin, modules: new Set(), tags: new Set() };
    this.#touched.set(name, known);
    for (const module of modules) known.modules.add(module);
    for (const tag of tags) known.tags.add(tag);
  }

  /** Hands over each of them. */
  async each(take: (scope: FencedScope, origin: Origin | undefined) => unknown): Promise<void> {
    const taken = [...this.#touched.values()].map(({ tenant, origin, modules, tags }) =>
      take({ tenant, modules: [...modules], tags: [...tags] }, origin),
    );
    await Promise.all(taken);
  }
}

/**
 * What a request has changed. Its answer is held from the first change on: a request that changes nothing is
 * left alone.
 */
export class RequestTouches implements Touches {
  readonly isOfRequest = true;
  readonly #tenant: () => string | undefined;
  readonly #origin: () => Origin | undefined;
  readonly #res: Response;
  readonly #fail: NextFunction;
  readonly #invalidate: Invalidate;
  readonly #tellLate: () => void;
  readonly #scopes = new ScopeSet();
  #state: "free" | "held" | "closed" | "released" = "free";

  /**
   * @param fail gets what Node throws when the answer is let go
   * @param tellLate says that something was changed behind the answer
   */
  constructor(
    request: {
      readonly tenant: () => string | undefined;
      readonly origin: () => Origin | undefined;
      readonly res: Response;
      readonly fail: NextFunction;
    },
    invalidate: Invalidate,
    tellLate: () => void,
  ) {
    this.#tenant = request.tenant;
    this.#origin = request.origin;
    this.#res = request.res;
    this.#fail = request.fail;
    this.#invalidate = invalidate;
    this.#tellLate = tellLate;
  }

  get tenant(): string | undefined {
    return this.#tenant();
  }

  get origin(): Origin | undefined {
    return this.#origin();
  }

  add(scope: FencedScope, origin?: Origin): Promise<boolean> | undefined {
    if (this.#state === "free") this.#hold();
    if (this.#state === "released") {
      // Whoever has the answer may have read the older state already. From here on nobody does.
      this.#tellLate();
      return this.#invalidate(scope, origin);
    }
    this.#scopes.add(scope, origin);
    // The client is gone, and the handler may never end its answer.
    return this.#state === "closed" ? this.#invalidate(scope, origin) : undefined;
  }

  #hold(): void {
    const res = this.#res;
    if (res.headersSent || res.writableEnded) {
      this.#state = "released";
      return;
    }
    // The client may be gone before anything was changed. Its handler may end the answer all the same, behind
    // its COMMIT: then once more.
    this.#state = res.destroyed ? "closed" : "held";
    holdBack(
      res,
      async (moment) => {
        // Of an answer in parts, or one that nobody waits for, the transaction may still be open: once more at
        // its end.
        if (moment === "closed") this.#state = "closed";
        if (moment === "ended") this.#state = "released";
        await this.#scopes.each(this.#invalidate);
      },
      this.#fail,
    );
  }
}

/** What a transaction has changed. Nobody can read it before COMMIT, so nothing is invalidated before. */
export class TransactionTouches implements Touches {
  readonly #outer: Touches;
  readonly #scopes = new ScopeSet();
  #isOver = false;

  constructor(outer: Touches) {
    this.#outer = outer;
  }

  get tenant(): string | undefined {
    return this.#outer.tenant;
  }

  get isOfRequest(): boolean {
    return this.#outer.isOfRequest;
  }

  get origin(): Origin | undefined {
    return this.#outer.origin;
  }

  add(scope: FencedScope, origin?: Origin): Promise<boolean> | undefined {
    // Work that goes on behind the transaction is none of it.
    if (this.#isOver) return this.#outer.add(scope, origin);
    this.#scopes.add(scope, origin);
    return undefined;
  }

  /** What is invalidated now, or with the answer of the request. */
  async committed(): Promise<void> {
    this.#isOver = true;
    await this.#scopes.each((scope, origin) => this.#outer.add(scope, origin));
  }

  rolledBack(): void {
    this.#isOver = true;
  }
}

/** What is done because of somebody who is named: see `because`. */
export class CausedTouches implements Touches {
  readonly origin: Origin;
  readonly #outer: Touches;

  constructor(origin: Origin, outer: Touches) {
    this.origin = origin;
    this.#outer = outer;
  }

  get tenant(): string | undefined {
    return this.#outer.tenant;
  }

  get isOfRequest(): boolean {
    return this.#outer.isOfRequest;
  }

  add(scope: FencedScope, origin = this.origin): Promise<boolean> | undefined {
    return this.#outer.add(scope, origin);
  }
}

/** What a job of one tenant has changed. */
export class TenantTouches implements Touches {
  readonly tenant: string;
  readonly isOfRequest = false;
  readonly #outer: Touches;
  readonly #pending = new Set<Promise<unknown>>();

  constructor(tenant: string, outer: Touches) {
    this.tenant = tenant;
    this.#outer = outer;
  }

  get origin(): Origin {
    return this.#outer.origin ?? { kind: "job" };
  }

  add(scope: FencedScope, origin = this.origin): Promise<boolean> | undefined {
    const invalidated = this.#outer.add(scope, origin);
    if (invalidated) {
      this.#pending.add(invalidated);
      void invalidated.finally(() => this.#pending.delete(invalidated));
    }
    return invalidated;
  }

  /** Also what a hook has not waited for. */
  async settled(): Promise<void> {
    await Promise.all(this.#pending);
  }
}
