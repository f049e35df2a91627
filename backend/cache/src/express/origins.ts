// Who does something in a request, for the causes of invalidations and for what is remembered of requests.
// Tests: test/integration/causes.test.ts
import { createHmac } from "node:crypto";
import type { Request } from "express";
import { ownText } from "../bounded-map.js";
import type { CauseKind, Origin } from "../cause-origin.js";
import type { ParsedCacheOptions } from "../options/cache-options.js";
import { routePattern } from "../route-pattern.js";
import { fieldOf } from "./request-fields.js";

const PSEUDONYM_CHARACTERS = 16;
/** Longer ones, and others than these, are somebody's text, and no id. */
const REQUEST_ID = /^[\w.:/+=@-]{1,128}$/;

export class Origins {
  readonly #actorOf: (req: Request) => unknown;
  readonly #requestIdOf: (req: Request) => unknown;
  readonly #secret: string | Uint8Array;

  constructor({ actor, requestId, causes }: Pick<ParsedCacheOptions, "actor" | "requestId" | "causes">) {
    this.#actorOf = actor ?? usualActor;
    this.#requestIdOf = requestId ?? usualRequestId;
    this.#secret = causes === false ? "" : (causes.secret ?? "");
  }

  /** Whoever sends this request. What the app's own functions throw is no reason to fail it. */
  of(req: Request, tenant: string, kind: CauseKind): Origin {
    const subject = attempt(this.#actorOf, req);
    const actor = isId(subject) ? this.pseudonym(tenant, String(subject)) : undefined;
    return { kind, name: routeOf(req), actor, requestId: this.requestId(req) };
  }

  /** The same for the same subject of the same tenant, in every process that has the same secret. */
  pseudonym(tenant: string, subject: string): string {
    const digest = createHmac("sha256", this.#secret).update(`${tenant}\n${subject}`).digest("base64url");
    return digest.slice(0, PSEUDONYM_CHARACTERS);
  }

  requestId(req: Request): string | undefined {
    const id = attempt(this.#requestIdOf, req);
    const text = isId(id) ? String(id) : "";
    return REQUEST_ID.test(text) ? ownText(text) : undefined;
  }
}

/** Method and pattern. */
export function routeOf(req: Request): string {
  return `${req.method} ${routePattern(req)}`;
}

/** As passport, express-jwt and the like leave it. */
function usualActor(req: Request): unknown {
  const { auth, user } = req as Request & {
    readonly auth?: { readonly sub?: unknown } | undefined;
    readonly user?: { readonly id?: unknown; readonly sub?: unknown } | undefined;
  };
  return auth?.sub ?? user?.id ?? user?.sub;
}

/** As pino-http and express-request-id leave it, or as a proxy has sent it. */
function usualRequestId(req: Request): unknown {
  const { id } = req as Request & { readonly id?: unknown };
  return isId(id) ? id : fieldOf(req.headers, "x-request-id");
}

function isId(value: unknown): value is string | number | bigint {
  return typeof value === "string" ? value !== "" : typeof value === "number" || typeof value === "bigint";
}

function attempt(ask: (req: Request) => unknown, req: Request): unknown {
  try {
    return ask(req);
  } catch {
    return undefined;
  }
}
