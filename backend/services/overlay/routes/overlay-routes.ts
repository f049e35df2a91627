// /api/overlay: all routes of the services, and what auditors and supervisors see of them.
// Tests: test/http/overlay-routes.test.ts, test/http/overlay-access.test.ts
import { type RequestHandler, Router } from "express";
import { route } from "../../../http/route-methods.js";
import { validatedQuery } from "../../../http/validation.js";
import type { Overlay } from "../overlay.js";
import { mountAI } from "./ai-routes.js";
import { mountClients } from "./client-routes.js";
import { mountDocuments } from "./document-routes.js";
import { calls, entrance, plainQuery, WATCH } from "./overlay-request.js";
import { mountRecords } from "./record-routes.js";
import { upkeepFacts } from "./upkeep-facts.js";

const plain = validatedQuery(plainQuery);

export function overlayRouter(overlay: Overlay): Router {
  const router = Router();
  mountClients(router, overlay);
  mountRecords(router, overlay);
  mountAI(router, overlay);
  mountDocuments(router, overlay);

  const stats: RequestHandler = async (req, res) => {
    res.json({ data: await calls(overlay, req, WATCH).getCacheStats() });
  };
  const cleanup: RequestHandler = async (req, res) => {
    res.json({ data: await calls(overlay, req).cleanup() });
  };
  route(
    router,
    "/stats",
    { get: [...entrance("auditor", "supervisor"), plain.check, stats] },
    upkeepFacts.stats,
  );
  route(router, "/cleanup", { post: [...entrance("supervisor"), plain.check, cleanup] }, upkeepFacts.cleanup);
  return router;
}
