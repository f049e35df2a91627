// Roles of one tenant see different things: the scope says whose view a response is.
import express from "express";
import { createTenantCache } from "express-tenant-cache";

export const cache = createTenantCache({ tenant: (req) => req.get("x-tenant") });
export const app = express();

const contacts = [{ name: "Ada", email: "ada@example.test" }];

app.get(
  "/contacts",
  // An admin's list holds addresses: without the scope a viewer would get it from the cache.
  cache.cacheList("contacts", { ttlSeconds: 180, scope: (req) => req.get("x-role") ?? "viewer" }),
  (req, res) => {
    const isAdmin = req.get("x-role") === "admin";
    res.json(contacts.map(({ name, email }) => (isAdmin ? { name, email } : { name })));
  },
);
