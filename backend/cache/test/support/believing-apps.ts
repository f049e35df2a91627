// Apps that believe what clients say of themselves: which host they have asked, and which tenant they are.
import express, { type Request } from "express";
import { add, type BrokenApp, notesOf, ownerOf, TENANTS } from "./notes-app.js";

const linkTo = (req: Request, host: string | undefined) => `${req.protocol}://${host}/notes`;
const parseJson: NonNullable<BrokenApp[3]["prepare"]> = (app) => app.use(express.json());
/** Authenticated by something else than what names the tenant. */
const AUTHORIZED = [
  { headers: { Authorization: "Bearer 1", "X-Tenant": "tenant-1" } },
  { headers: { Authorization: "Bearer 2", "X-Tenant": "tenant-2" } },
] as const;

export const BELIEVING_APPS: readonly BrokenApp[] = [
  [
    "hosts that the requests do not name",
    "hit",
    /detail=authority.*give the tenants' headers a host/,
    { cache: { authority: ["api.example.com"] } },
  ],
  [
    "absolute links where the cache ignores the host",
    "authority",
    /a request after one with host: other\.example .*made for another host.*leave authority at "key"/,
    {
      list: { authority: "ignore" },
      read: (req, res, notes) => res.json([linkTo(req, req.get("host")), ...notesOf(req, notes)]),
    },
  ],
  [
    "absolute links in a header",
    "authority",
    /made for another host/,
    {
      cache: { authority: "ignore" },
      read: (req, res, notes) => res.links({ self: linkTo(req, req.get("host")) }).json(notesOf(req, notes)),
    },
  ],
  [
    "links to the host that a trusted proxy has forwarded",
    "authority",
    /x-forwarded-host: other\.example/,
    {
      list: { authority: "ignore" },
      prepare: (app) => app.set("trust proxy", true),
      read: (req, res, notes) => {
        const host = req.get("x-forwarded-host") === undefined ? "api.example.com" : req.hostname;
        return res.json([linkTo(req, host), ...notesOf(req, notes)]);
      },
    },
  ],
  [
    "links whose scheme a trusted proxy has forwarded",
    "authority",
    /x-forwarded-proto: https/,
    {
      list: { authority: "ignore" },
      prepare: (app) => app.set("trust proxy", true),
      read: (req, res, notes) => res.json([req.secure, ...notesOf(req, notes)]),
    },
  ],
  [
    "a cache that takes the tenant from a header beside the credentials",
    "claimed-tenant",
    /in the header x-org-id, and the cache took the request for "tenant-2"/,
    { cache: { tenant: (req) => req.get("x-org-id") ?? ownerOf(req) } },
  ],
  [
    "a cache that takes the tenant from the header that the handler checks nowhere",
    "claimed-tenant",
    /in the header x-tenant, and the cache took the request for "tenant-2"/,
    {
      read: (req, res, notes) => res.json(notes.get(`tenant-${req.get("authorization")?.slice(-1)}`)),
      verify: { tenants: AUTHORIZED },
    },
  ],
  [
    "a handler that takes the tenant from the query",
    "claimed-tenant",
    /in the query parameter tenantId, and received its answer at \/notes/,
    { read: (req, res, notes) => res.json(notes.get(String(req.query.tenantId ?? ownerOf(req)))) },
  ],
  [
    "a handler that takes the tenant from the body",
    "claimed-tenant",
    /in the body, and received its answer/,
    {
      prepare: parseJson,
      read: (req, res, notes) => res.json(notes.get(req.body?.organization_id ?? ownerOf(req))),
    },
  ],
  [
    "a handler that takes the tenant from the sub-domain",
    "claimed-tenant",
    /in the sub-domain, and received its answer/,
    {
      read: (req, res, notes) => res.json(notes.get(req.hostname.split(".")[0] ?? "") ?? notesOf(req, notes)),
    },
  ],
  [
    "a cache that takes the tenant from the sub-domain",
    "claimed-tenant",
    /in the sub-domain, and the cache took the request for "tenant-2"/,
    {
      cache: {
        tenant: (req) => (req.hostname.endsWith(".example.com") ? req.hostname.split(".")[0] : ownerOf(req)),
      },
    },
  ],
  [
    "a header of the app's own",
    "claimed-tenant",
    /in the header x-mandant, and received its answer/,
    {
      read: (req, res, notes) => res.json(notes.get(req.get("x-mandant") ?? ownerOf(req))),
      verify: { claims: ["X-Mandant"] },
    },
  ],
  [
    "a tenant that is called by a short name",
    "claimed-tenant",
    /in the query parameter workspace, and received its answer/,
    {
      read: (req, res, notes) =>
        res.json(req.query.workspace === "second" ? notes.get("tenant-2") : notesOf(req, notes)),
      verify: { tenants: [TENANTS[0], { ...TENANTS[1], names: ["second"] }] },
    },
  ],
  [
    "a mutation that writes for the tenant in its body",
    "claimed-tenant",
    /in the body of a mutation, and changed what that one reads/,
    {
      prepare: parseJson,
      write: (req, res, notes) => {
        const owner = req.body?.tenant_id ?? ownerOf(req);
        notes.get(owner)?.push(`note ${notes.get(owner)?.length}`);
        res.status(201).json({});
      },
    },
  ],
  [
    "an invalidation of the tenant in the body",
    "claimed-tenant",
    /in the body of a mutation, and took the entries of that one/,
    {
      prepare: parseJson,
      cache: { tenant: (req) => (req.method === "POST" && req.body?.tenantId) || ownerOf(req) },
      write: (req, res, notes) => add(req, res, notes),
    },
  ],
];
