// What a route says by functions: how long, for whom not, what of the answer counts, and what it is about.
import express from "express";
import { createTenantCache } from "express-tenant-cache";

export const cache = createTenantCache({ tenant: (req) => req.get("x-tenant") });
export const app = express();

const orders = new Map([
  ["1", { id: "1", status: "open" }],
  ["2", { id: "2", status: "closed" }],
]);

app.get(
  "/orders/:id",
  cache.cacheList("orders", {
    // What is closed does not change any more. A 404 is not in `statuses`.
    ttlSeconds: (_req, res) => (res.locals.order.status === "closed" ? 86_400 : 30),
    skip: (req) => req.get("x-role") === "auditor",
  }),
  (req, res) => {
    res.locals.order = orders.get(req.params.id);
    if (res.locals.order) res.json(res.locals.order);
    else res.sendStatus(404);
  },
);
app.get(
  "/orders",
  cache.cacheList("order-lists", {
    ignoreParams: ["utm_*", "_"],
    varyBy: (req) => ({ currency: req.get("x-currency") ?? "EUR" }),
    shouldStore: (_req, { json }) => json().isComplete,
    // Known when the answer is: the orders that are in it.
    tags: (_req, { json }) => json().orders.map(({ id }) => `order-${id}`),
  }),
  (req, res) => {
    const wanted = [...orders.values()].filter(({ status }) => status === (req.query.status ?? status));
    res.json({ orders: wanted, isComplete: true, currency: req.get("x-currency") ?? "EUR" });
  },
);
app.put(
  "/orders/:id",
  express.json(),
  cache.invalidateCache({ modules: ["orders"], tags: (req) => [`order-${req.params.id}`] }),
  (req, res) => {
    orders.set(req.params.id, { id: req.params.id, ...req.body });
    res.sendStatus(204);
  },
);
