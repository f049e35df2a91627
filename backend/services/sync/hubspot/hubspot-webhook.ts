// HubSpot's webhooks: the v3 signature over raw bytes, and what a delivery says.
// Tests: test/unit/hubspot-webhook.test.ts
//
// https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/request-validation
// https://developers.hubspot.com/docs/api/webhooks: up to 100 events a request, in no order, tried again up to ten times within
// 24 hours where the answer is no 2xx within five seconds; eventId "is not guaranteed to be unique".
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import * as z from "zod";
import type { SourceEvent, SourceEventKind, WebhookRequest } from "../connector.js";

const WINDOW_MS = 5 * 60_000;
/** Of contacts, in the generic subscriptions (object.creation). */
const CONTACT_TYPE_ID = "0-1";

const id = z.union([z.int(), z.string().regex(/^\d{1,20}$/)]).transform(String);
const delivery = z.array(
  z.looseObject({
    eventId: id,
    subscriptionId: id.optional(),
    portalId: id,
    occurredAt: z.number(),
    subscriptionType: z.string().max(100),
    objectTypeId: z.string().optional(),
    objectId: id.optional(),
    propertyName: z.string().max(200).optional(),
    primaryObjectId: id.optional(),
    mergedObjectIds: z.array(id).max(1000).optional(),
    newObjectId: id.optional(),
  }),
);
type Delivered = z.output<typeof delivery>[number];

/** `undefined` where the signature is wrong or too old, or it is not HubSpot's form. */
export function readHubspotWebhook(
  { method, url, rawBody, header }: WebhookRequest,
  clientSecret: string,
  nowMs = Date.now(),
): readonly SourceEvent[] | undefined {
  const signature = header("x-hubspot-signature-v3");
  const timestamp = header("x-hubspot-request-timestamp");
  if (signature === undefined || timestamp === undefined || !/^\d{1,16}$/.test(timestamp)) return undefined;
  if (Math.abs(nowMs - Number(timestamp)) > WINDOW_MS) return undefined;
  const expected = createHmac("sha256", clientSecret)
    .update(method + decodedUri(url), "utf8")
    .update(rawBody)
    .update(timestamp, "utf8")
    .digest();
  const given = Buffer.from(signature, "base64");
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined;
  return eventsIn(rawBody);
}

/** What HubSpot decodes before it signs; the question mark that begins the query is none of them. */
const DECODED = new Map<string, string>(
  [":", "/", "?", "@", "!", "$", "'", "(", ")", "*", ",", ";"].map((character) => [
    `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
    character,
  ]),
);

const decodedUri = (url: string) =>
  url.replace(/%[0-9a-f]{2}/gi, (encoded) => DECODED.get(encoded.toUpperCase()) ?? encoded);

/** It is HubSpot's, as the signature says. What is no contact's is none of ours. */
function eventsIn(rawBody: Buffer): readonly SourceEvent[] | undefined {
  let given: unknown;
  try {
    given = JSON.parse(rawBody.toString("utf8"));
  } catch {
    return undefined;
  }
  const parsed = delivery.safeParse(given);
  return parsed.success ? parsed.data.flatMap(eventsOf) : undefined;
}

function eventsOf(delivered: Delivered): SourceEvent[] {
  const [object, ...action] = delivered.subscriptionType.split(".");
  const isContact =
    object === "contact" || (object === "object" && delivered.objectTypeId === CONTACT_TYPE_ID);
  if (!isContact) return [];
  const about = (crmId: string | undefined, kind: SourceEventKind): SourceEvent[] =>
    crmId === undefined
      ? []
      : [
          {
            key: keyOf(delivered, crmId),
            kind,
            crmId,
            occurredAt: new Date(delivered.occurredAt),
            account: delivered.portalId,
          },
        ];
  const { objectId, newObjectId, primaryObjectId, mergedObjectIds = [] } = delivered;
  switch (action.join(".")) {
    case "privacyDeletion":
      return about(objectId, "erased");
    case "deletion":
      return about(objectId, "deleted");
    case "merge": {
      // Of all that took part, one is left: each is read.
      const ids = new Set([newObjectId, primaryObjectId, objectId, ...mergedObjectIds]);
      return [...ids].flatMap((each) => about(each, "changed"));
    }
    default:
      // creation, propertyChange, restore, associationChange, and what will be: reading it is never wrong.
      return about(objectId, "changed");
  }
}

/** The event's own id may come twice; a repeated delivery differs in attemptNumber alone. */
function keyOf(
  { eventId, subscriptionId, occurredAt, subscriptionType, propertyName }: Delivered,
  crmId: string,
): string {
  const parts = [eventId, subscriptionId, occurredAt, subscriptionType, propertyName, crmId];
  return `webhook:${createHash("sha256").update(JSON.stringify(parts)).digest("base64url").slice(0, 32)}`;
}
