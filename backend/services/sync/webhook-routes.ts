// POST /api/sync/webhooks/:connectionId: what CRMs send. Raw bytes, a signature, and an answer once the events are durable.
// Tests: test/http/sync-webhooks.test.ts
import express, { type Request, type RequestHandler, Router } from "express";
import { HttpProblem, notFound } from "../../http/problem.js";
import { route } from "../../http/route-methods.js";
import type { SourceEvent } from "./connector.js";
import { takeEvents } from "./inbox.js";
import type { Link } from "./sync-context.js";
import { webhookFacts } from "./sync-facts.js";
import type { SyncService } from "./sync-service.js";

export interface WebhookOptions {
  readonly sync: SyncService;
  /** What CRMs call this server, where a proxy changes it: "https://crm.example.com". Default: as the request says, with `trust proxy`. */
  readonly publicUrl?: string | undefined;
  /** Counts what is not signed. */
  readonly rateLimiter: RequestHandler;
}

/** A hundred events of HubSpot are some 50 kB. */
const MAX_BODY_BYTES = 1024 * 1024;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * Needs no token: the signature says who it is. No parser of bodies may be in front of it, as the signature is over bytes. The tenant is
 * the connection's; a delivery for another account of the same app goes to that account's connection.
 */
export function webhookRouter({ sync, publicUrl, rateLimiter }: WebhookOptions): Router {
  const router = Router();
  // Inflated bytes are not those that were signed.
  const rawBody = express.raw({ type: () => true, limit: MAX_BODY_BYTES, inflate: false });
  const receive: RequestHandler = async (req, res, next) => {
    const link = linkOf(sync, req);
    const events = link.connector.verifyWebhook?.({
      method: req.method,
      url: (publicUrl?.replace(/\/$/, "") ?? `${req.protocol}://${req.get("host") ?? ""}`) + req.originalUrl,
      rawBody: Buffer.isBuffer(req.body) ? req.body : Buffer.alloc(0),
      header: (name) => req.get(name),
    });
    if (!events) {
      rateLimiter(req, res, (error?: unknown) =>
        next(
          error ??
            new HttpProblem(401, { detail: "This is not signed by the connection's CRM, or too late." }),
        ),
      );
      return;
    }
    for (const [target, own] of byLink(sync, link, events))
      await takeEvents(sync.context, target, own, { via: "webhook" });
    res.status(204).setHeader("Cache-Control", "no-store").end();
  };
  route(router, "/:connectionId", { post: [rawBody, receive] }, webhookFacts);
  return router;
}

function linkOf(sync: SyncService, { params }: Request): Link {
  const id = String(params.connectionId);
  const link = UUID.test(id) ? sync.linkById(id) : undefined;
  if (!link?.connector.verifyWebhook)
    throw notFound("There is no connection with this id that takes webhooks.");
  return link;
}

/** An app has one address for all accounts that have installed it. Of accounts that are not connected here nothing is taken. */
function byLink(sync: SyncService, called: Link, events: readonly SourceEvent[]): Map<Link, SourceEvent[]> {
  const found = new Map<Link, SourceEvent[]>();
  for (const event of events) {
    const link = sync.links.find(
      ({ connection }) =>
        connection.crm === called.connection.crm &&
        connection.client_id === called.connection.client_id &&
        connection.client_secret === called.connection.client_secret &&
        (connection.crm !== "hubspot" || String(connection.portal_id) === event.account),
    );
    if (link) found.set(link, [...(found.get(link) ?? []), event]);
  }
  return found;
}
