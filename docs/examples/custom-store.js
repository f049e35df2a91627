// A store of your own: here the in-process one, with a record of what it was asked. It must pass the store contract.
import express from "express";
import { createTenantCache, MemoryStore } from "express-tenant-cache";

export const asked = [];

class RecordingStore extends MemoryStore {
  async read(fenceKeys, entryKeys) {
    asked.push(`read ${entryKeys.join(" ")}`);
    return super.read(fenceKeys, entryKeys);
  }

  async beginFill(request) {
    asked.push(`look ${request.entryKey}`);
    return super.beginFill(request);
  }

  async replaceFences(fenceKeys) {
    asked.push(`replace ${fenceKeys.join(" ")}`);
    return super.replaceFences(fenceKeys);
  }
}

export const cache = createTenantCache({
  store: () => new RecordingStore({ maxBytes: 8_000_000, maxTenantBytes: 2_000_000 }),
  tenant: (req) => req.get("x-tenant"),
});
export const app = express();

app.get("/notes", cache.cacheList("notes", 60), (_req, res) => res.json([]));
app.post("/notes", cache.invalidateCache("notes"), (_req, res) => res.status(201).end());
