// What HubSpot sends: contacts as its API shows them, events, and the signature of its webhooks.
import { createHmac } from "node:crypto";
import { CLIENT_SECRET } from "./crm-server.js";

export const PORTAL = 62_515;

export interface Contact {
  readonly id: string;
  properties: Record<string, string | null>;
  readonly createdAt: number;
  updatedAt: number;
  archived: boolean;
  readonly history: Map<string, { value: string | null; timestamp: string; sourceType: string }[]>;
}

export type HubspotEvent = Record<string, unknown> & {
  readonly subscriptionType: string;
  readonly objectId: number;
};

/** https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/request-validation */
export function signed(
  method: string,
  url: string,
  body: string | Buffer,
  { secret = CLIENT_SECRET, timestamp = Date.now() }: { secret?: string; timestamp?: number } = {},
): Record<string, string> {
  const signature = createHmac("sha256", secret)
    .update(method + decodeURI(url))
    .update(body)
    .update(String(timestamp));
  return {
    "Content-Type": "application/json",
    "X-HubSpot-Signature-v3": signature.digest("base64"),
    "X-HubSpot-Request-Timestamp": String(timestamp),
  };
}

export function shown(contact: Contact, properties: readonly string[], histories: readonly string[]) {
  const { id, createdAt, updatedAt, archived } = contact;
  const lastmodifieddate = new Date(updatedAt).toISOString();
  const all: Record<string, string | null> = { ...contact.properties, lastmodifieddate, hs_object_id: id };
  return {
    id,
    properties: Object.fromEntries(
      [...properties, "lastmodifieddate", "hs_object_id"].map((name) => [name, all[name] ?? null]),
    ),
    ...(histories.length > 0 && {
      propertiesWithHistory: Object.fromEntries(
        histories.map((name) => [name, contact.history.get(name) ?? []]),
      ),
    }),
    createdAt: new Date(createdAt).toISOString(),
    updatedAt: lastmodifieddate,
    archived,
  };
}
