// A small sound app with a cached list a tenant, and how a test breaks it.
import express, { type Express, type Request, type Response } from "express";
import type { CacheListOptions, TenantCache, TenantCacheOptions } from "../../src/index.js";
import {
  type CheckName,
  type VerifiedRoute,
  type VerifyOptions,
  type VerifyReport,
  verifyRoutes,
} from "../../src/testing/index.js";
import { openCache } from "./caches.js";

export const TENANTS = [
  { headers: { "x-tenant": "tenant-1" } },
  { headers: { "x-tenant": "tenant-2" } },
] as const;
export const NOTES: VerifiedRoute = { path: "/notes", mutate: { method: "POST", path: "/notes" } };

/** What each tenant has, as its handlers see it. */
export type Notes = Map<string, string[]>;

/** What is changed of the sound app to break it. */
export interface Flaw {
  readonly cache?: Partial<TenantCacheOptions>;
  readonly list?: CacheListOptions;
  readonly prepare?: (app: Express) => void;
  readonly read?: (req: Request, res: Response, notes: Notes, cache: TenantCache) => unknown;
  readonly write?: (req: Request, res: Response, notes: Notes, cache: TenantCache) => unknown;
  readonly invalidates?: boolean;
  readonly verify?: Partial<VerifyOptions>;
  readonly route?: Partial<VerifiedRoute>;
}

/** What is broken, the check that finds it, what that says, and how it is broken. */
export type BrokenApp = readonly [what: string, check: CheckName, details: RegExp, flaw: Flaw];

export const ownerOf = (req: Request) => req.get("x-tenant") ?? "";
export const notesOf = (req: Request, notes: Notes) => notes.get(ownerOf(req)) ?? [];
export const list = (req: Request, res: Response, notes: Notes) =>
  res.set("X-Kind", "notes").json(notesOf(req, notes));
export function add(req: Request, res: Response, notes: Notes) {
  notesOf(req, notes).push(`note ${notesOf(req, notes).length}`);
  res.status(201).json({});
}

export function notesApp(cache: TenantCache, flaw: Flaw): Express {
  const notes: Notes = new Map(
    TENANTS.map(({ headers }) => [headers["x-tenant"], [`of ${headers["x-tenant"]}`]]),
  );
  const app = express();
  flaw.prepare?.(app);
  app.get("/notes", cache.cacheList("notes", flaw.list ?? {}), (req, res) => {
    if (ownerOf(req) === "") return res.status(401).json({});
    return (flaw.read ?? list)(req, res, notes, cache);
  });
  const invalidate = flaw.invalidates === false ? [] : [cache.invalidateCache("notes")];
  app.post("/notes", ...invalidate, (req, res) => (flaw.write ?? add)(req, res, notes, cache));
  return app;
}

/** Verifies it with a cache of its own. */
export async function verifyNotes(flaw: Flaw): Promise<VerifyReport> {
  const cache = await openCache("memory", flaw.cache);
  try {
    return await verifyRoutes({
      app: notesApp(cache, flaw),
      cache,
      tenants: TENANTS,
      routes: [{ ...NOTES, ...flaw.route }],
      ...flaw.verify,
    });
  } finally {
    await cache.close();
  }
}
