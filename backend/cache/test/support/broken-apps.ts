// Apps with one mistake each, of the kind that people make around a cache.
import { BELIEVING_APPS } from "./believing-apps.js";
import { add, type BrokenApp, list, notesOf, ownerOf, TENANTS } from "./notes-app.js";

/** For a route that is waited for in vain. */
const IMPATIENT = { timeoutMs: 2000 };

/** Far more than a request takes that comes over a connection within this process. */
const MOST_TURNS = 2000;

/** Lets the event loop turn until it is so, or until everybody else has had their chance. */
async function untilOthers(isSo: () => boolean): Promise<void> {
  for (let turn = 0; turn < MOST_TURNS && !isSo(); turn++) await new Promise(setImmediate);
}

let away = false;
let current = "";
let begun = 0;
let readsUntilCommit = 0;
let commit = (): unknown => undefined;
const half = new Map<string, string>();

export const BROKEN_APPS: readonly BrokenApp[] = [
  ...BELIEVING_APPS,
  [
    "cacheList before authentication",
    "hit",
    /mount cacheList after authentication/,
    { cache: { tenant: (req) => (req as { user?: string }).user } },
  ],
  [
    "a handler that says private",
    "hit",
    /is the answer storable/,
    { read: (req, res, notes) => list(req, res.set("Cache-Control", "private"), notes), verify: IMPATIENT },
  ],
  ["a path that is not cached", "hit", /no cacheList has seen the request/, { route: { path: "/other" } }],
  [
    "a cache that resolves one tenant for all",
    "isolation",
    /tenant 2 received the answer of tenant 1/,
    { cache: { tenant: () => "everybody" } },
  ],
  [
    "the same, with tenants whose answers are alike",
    "isolation",
    /takes both tenants for "everybody"/,
    { cache: { tenant: () => "everybody" }, read: (_req, res) => res.json([]) },
  ],
  [
    "a tenant for requests that have none",
    "no-tenant",
    /without a tenant was a hit/,
    { cache: { tenant: (req) => req.get("x-tenant") ?? "tenant-1" } },
  ],
  [
    "a language that is not declared",
    "variation",
    /vary: \["accept-language"\]/,
    { read: (req, res, notes) => res.json([req.get("accept-language") ?? "en", ...notesOf(req, notes)]) },
  ],
  [
    "a query parameter that it leaves out of the key",
    "variation",
    /query parameter ref_source, .* take it out of ignoreParams/,
    {
      list: { ignoreParams: ["utm_*", "ref_*"] },
      read: (req, res, notes) => res.json([req.query.ref_source ?? "none", ...notesOf(req, notes)]),
    },
  ],
  [
    "a role that is not declared",
    "variation",
    /another view of tenant 1 \(x-role\)/,
    {
      read: (req, res, notes) => res.json([req.get("x-role") ?? "viewer", ...notesOf(req, notes)]),
      verify: { tenants: [{ ...TENANTS[0], views: [{ "x-role": "admin" }] }, TENANTS[1]] },
    },
  ],
  [
    "a header that an outer middleware takes from what the handler left",
    "transparency",
    /other headers: x-total-count/,
    {
      prepare: (app) =>
        app.use((_req, res, next) => {
          const writeHead = res.writeHead;
          res.writeHead = ((...args: Parameters<typeof writeHead>) => {
            if (res.locals.total !== undefined) res.setHeader("X-Total-Count", res.locals.total);
            return writeHead.apply(res, args);
          }) as typeof writeHead;
          next();
        }),
      read: (req, res, notes) => {
        res.locals.total = notesOf(req, notes).length;
        return list(req, res, notes);
      },
    },
  ],
  [
    "bodies with the time in them",
    "transparency",
    /give the route normalize/,
    { read: (_req, res) => res.json(process.hrtime.bigint().toString()) },
  ],
  [
    "a mutation that forgets invalidateCache",
    "mutation",
    /was a hit; does its route have/,
    { invalidates: false },
  ],
  [
    "a mutation that changes nothing",
    "mutation",
    /does not change what the route answers/,
    { write: (_req, res) => res.status(201).json({}) },
  ],
  [
    "a mutation that answers before the change is committed",
    "mutation",
    /is it answered before the change is committed/,
    {
      // After the two reads of the handler that the check makes at once.
      read: (req, res, notes) => {
        if (ownerOf(req) === "tenant-1" && --readsUntilCommit === 0) commit();
        list(req, res, notes);
      },
      write: (req, res, notes) => {
        commit = () => notesOf(req, notes).push("late");
        readsUntilCommit = 3;
        res.status(201).json({});
      },
    },
  ],
  [
    "a mutation that is refused",
    "mutation",
    /answered with 409: taken/,
    { write: (_req, res) => res.status(409).send("taken") },
  ],
  [
    "a mutation that empties every tenant",
    "mutation",
    /took the entry of tenant 2/,
    {
      write: async (req, res, notes, cache) => {
        for (const { headers } of TENANTS) await cache.invalidateTenantCache(headers["x-tenant"], "notes");
        add(req, res, notes);
      },
    },
  ],
  [
    "an invalidation by hand, before the change is committed",
    "race",
    /raced/,
    {
      invalidates: false,
      read: (req, res, notes) => {
        begun++;
        list(req, res, notes);
      },
      write: async (req, res, notes, cache) => {
        await cache.invalidateTenantCache(ownerOf(req), "notes");
        // More than may have been under way before.
        const enough = begun + 3;
        await untilOthers(() => begun >= enough);
        add(req, res, notes);
      },
    },
  ],
  [
    "a handler that keeps the half of what it was writing when a client hung up",
    "abort",
    /client hung up/,
    {
      read: async (req, res, notes) => {
        const whole = half.get(ownerOf(req)) ?? JSON.stringify(notesOf(req, notes)).padEnd(2000);
        half.delete(ownerOf(req));
        res.write(whole.slice(0, 1000));
        await untilOthers(() => res.destroyed);
        if (res.destroyed) half.set(ownerOf(req), whole.slice(0, 1000));
        res.end(whole.slice(1000));
      },
      route: { mutate: undefined as never },
    },
  ],
  [
    "a tenant in a variable that all requests share",
    "concurrency",
    /tenant [12], one of 20 cold requests/,
    {
      read: async (req, res, notes) => {
        current = ownerOf(req);
        const mine = ++begun;
        await untilOthers(() => begun > mine);
        res.json(notes.get(current));
      },
    },
  ],
  [
    "an API that fails with its cache",
    "outage",
    /tenant 1 during the outage: status 200 instead of 503/,
    {
      read: (req, res, notes) => (away ? res.status(503).json({}) : list(req, res, notes)),
      verify: {
        outage: {
          begin: async () => {
            away = true;
          },
          end: async () => {
            away = false;
          },
        },
      },
    },
  ],
  [
    "a handler that stops half way",
    "hit",
    /GET \/notes: no whole answer within 150 ms/,
    {
      read: (_req, res) => {
        res.write("half");
      },
      verify: { timeoutMs: 150 },
    },
  ],
];
