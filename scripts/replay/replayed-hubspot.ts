// The other CRM of a replay: as much of HubSpot as its connector asks for, with contacts that somebody there changes, and webhooks that say so.
import { createHmac } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { drain, listen } from "../../backend/http/http-server.js";

export const HUBSPOT_SECRET = "the-secret-of-the-replayed-app";
const CONTACTS = "/crm/v3/objects/contacts";

interface Contact {
  readonly id: string;
  properties: Record<string, string>;
  updatedAt: string;
}

export interface ReplayedHubspot {
  readonly url: string;
  create(id: string, properties: Record<string, string>): void;
  /** Changes a contact. @returns what the webhook about it has for a body and headers */
  change(id: string, portalId: number, webhookUrl: string): WebhookCall;
  stop(): Promise<void>;
}

export interface WebhookCall {
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

export async function startReplayedHubspot(): Promise<ReplayedHubspot> {
  const contacts = new Map<string, Contact>();
  let changes = 0;
  const server = createServer((request, response) => {
    void answer(contacts, request, response);
  });
  const { port } = await listen(server, 0, "127.0.0.1");
  return {
    url: `http://127.0.0.1:${port}`,
    create: (id, properties) => {
      contacts.set(id, { id, properties, updatedAt: new Date().toISOString() });
    },
    change: (id, portalId, webhookUrl) => {
      const contact = contacts.get(id);
      if (!contact) throw new Error(`the other CRM has no contact ${id}`);
      changes += 1;
      contact.properties = { ...contact.properties, phone: `+1 555 ${1000 + (changes % 9000)}` };
      const occurredAt = Date.now();
      contact.updatedAt = new Date(occurredAt).toISOString();
      const event = {
        eventId: changes,
        subscriptionId: 1,
        portalId,
        occurredAt,
        subscriptionType: "contact.propertyChange",
        objectId: Number(id),
        propertyName: "phone",
      };
      return signed(webhookUrl, JSON.stringify([event]), String(occurredAt));
    },
    stop: () => drain(server, 1000),
  };
}

/** The v3 signature, over method, URL, body and time. */
function signed(url: string, body: string, timestamp: string): WebhookCall {
  const signature = createHmac("sha256", HUBSPOT_SECRET)
    .update(`POST${url}${body}${timestamp}`)
    .digest("base64");
  return {
    body,
    headers: {
      "content-type": "application/json",
      "x-hubspot-signature-v3": signature,
      "x-hubspot-request-timestamp": timestamp,
    },
  };
}

async function answer(
  contacts: ReadonlyMap<string, Contact>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
  const { pathname } = new URL(request.url ?? "/", "http://crm.invalid");
  const found = answerTo(contacts, `${request.method} ${pathname}`, text);
  response.writeHead(found === undefined ? 404 : 200, { "content-type": "application/json" });
  response.end(JSON.stringify(found ?? { status: "error", category: "OBJECT_NOT_FOUND" }));
}

function answerTo(contacts: ReadonlyMap<string, Contact>, asked: string, body: string): unknown {
  if (asked === "POST /oauth/v3/token")
    return { access_token: "replayed", refresh_token: "replayed", expires_in: 86_400 };
  if (asked === `POST ${CONTACTS}/batch/read`) {
    const { inputs } = JSON.parse(body) as { inputs: readonly { id: string }[] };
    return { results: inputs.flatMap(({ id }) => contacts.get(id) ?? []) };
  }
  // What was changed is told by webhooks alone.
  if (asked === `POST ${CONTACTS}/search`) return { total: 0, results: [] };
  if (asked === `GET ${CONTACTS}`) return { results: [...contacts.values()] };
  return contacts.get(asked.replace(`GET ${CONTACTS}/`, ""));
}
