// A whole API in one line: reads are cached by the first segment of their path, and what changes something invalidates what it touches.
import express from "express";
import { createTenantCache } from "express-tenant-cache";

export const cache = createTenantCache({
  tenant: (req) => req.get("x-tenant"),
  policies: { base: { ignoreParams: ["utm_*", "fbclid"] }, reference: { ttlSeconds: 3600 } },
});
export const app = express();

const leads = new Map([["17", "Ada"]]);
const accounts = [];
const auth = (req, res, next) => (req.get("x-tenant") ? next() : res.sendStatus(401));

app.use(
  "/api",
  auth,
  cache.routes({
    ttlSeconds: 60,
    modules: { plans: "reference" },
    touches: { convert: ["leads", "accounts"] },
    except: ["/leads/export"],
  }),
);
app.get("/api/leads", (_req, res) => res.json([...leads.values()]));
app.get("/api/leads/export", (_req, res) => res.type("csv").send([...leads.values()].join("\n")));
app.get("/api/accounts", (_req, res) => res.json(accounts));
app.get("/api/plans", (_req, res) => res.json(["basic", "large"]));
app.post("/api/leads/:id/convert", (req, res) => {
  accounts.push(leads.get(req.params.id));
  leads.delete(req.params.id);
  res.sendStatus(204);
});
