// How requests come to the app: the fields that their host and scheme are told by, so that one that is made up can come likewise.
// Tests: test/integration/explain.test.ts
import type { IncomingHttpHeaders } from "node:http";
import type { Request } from "express";
import { ownText } from "../bounded-map.js";
import { hostOf, isEncrypted } from "./authority.js";
import { fieldOf } from "./request-fields.js";

export interface AskedAs {
  readonly headers: IncomingHttpHeaders;
  readonly isEncrypted: boolean;
  /** The outermost app: what middleware in front of routers belongs to. */
  readonly app: unknown;
}

const FIELDS = ["x-forwarded-proto", "x-forwarded-host"] as const;

/** @param last how the one before had come: most come alike */
export function askedAs(req: Request, last?: AskedAs): AskedAs {
  const app = outermost(req.app);
  if (last && last.app === app && last.isEncrypted === isEncrypted(req) && isAlike(req, last.headers))
    return last;
  const named = FIELDS.map((name) => [name, fieldOf(req.headers, name)] as const);
  const fields = [["host", hostOf(req)] as const, ...named];
  const known = fields.flatMap(([name, value]) => (value === undefined ? [] : [[name, ownText(value)]]));
  return { headers: Object.fromEntries(known), isEncrypted: isEncrypted(req), app };
}

function isAlike(req: Request, headers: IncomingHttpHeaders): boolean {
  if (headers.host !== hostOf(req)) return false;
  const { headers: own } = req;
  for (const name of FIELDS) if (headers[name] !== fieldOf(own, name)) return false;
  return true;
}

/** A router's app may be mounted in another one, whose middleware belongs to the request too. */
export function outermost(app: unknown): unknown {
  const { parent } = Object(app) as { parent?: unknown };
  return parent === undefined ? app : outermost(parent);
}
