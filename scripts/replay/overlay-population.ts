// What the overlay of a replayed tenant holds when the day begins: clients of its agents, with communications, tasks and documents.

import type { CacheService } from "../../backend/services/overlay/cache-service.js";
import {
  AGENTS_PER_TENANT,
  CLIENTS_PER_AGENT,
  COMMUNICATIONS_PER_CLIENT,
  TASKS_PER_CLIENT,
} from "./overlay-habits.js";
import type { Population } from "./population.js";
import type { ReplayedHubspot } from "./replayed-hubspot.js";
import type { ReplayedOverlay } from "./replayed-overlay.js";

export interface OverlayAgent {
  readonly id: string;
  readonly clients: readonly OverlayClient[];
  readonly documentIds: readonly string[];
}

export interface OverlayClient {
  /** In the other CRM. */
  readonly crmId: string;
  readonly communicationIds: readonly string[];
  readonly tasks: readonly { readonly id: string; readonly client_id: string; readonly title: string }[];
}

export interface OverlayPopulation {
  readonly tenantId: string;
  readonly agents: readonly OverlayAgent[];
}

export const TEMPLATE = "welcome";
const FIRST_CRM_ID = 1000;

/** Made through the services, before anything is counted. */
export async function makeOverlayPopulation(
  { overlay, hubspot }: ReplayedOverlay,
  { tenantId, users }: Pick<Population, "tenantId" | "users">,
): Promise<OverlayPopulation> {
  const calls = overlay.for({ tenantId, actor: { id: "system", role: "system" }, purpose: "HOPERAT" });
  const body = "Dear {{name}}, welcome.";
  await calls.addTemplate({ name: TEMPLATE, format: "text", body });
  const agents: OverlayAgent[] = [];
  for (const [index, { id: agentId }] of users.slice(0, AGENTS_PER_TENANT).entries()) {
    const made = await Promise.all(
      Array.from({ length: CLIENTS_PER_AGENT }, (_, n) =>
        makeClient(calls, hubspot, agentId, String(FIRST_CRM_ID + index * CLIENTS_PER_AGENT + n)),
      ),
    );
    const clients = made.map(({ client }) => client);
    const documentIds = made.map(({ documentId }) => documentId);
    agents.push({ id: agentId, clients, documentIds });
  }
  return { tenantId, agents };
}

async function makeClient(
  calls: CacheService,
  hubspot: ReplayedHubspot,
  agentId: string,
  crmId: string,
): Promise<{ client: OverlayClient; documentId: string }> {
  hubspot.create(crmId, {
    firstname: "Ada",
    lastname: `Client ${crmId}`,
    email: `c${crmId}@client.example`,
  });
  // From there, so that synchronisation knows that it is watched here.
  await calls.getCrmClient("hubspot", crmId, agentId);
  const client_id = `hubspot:${crmId}`;
  const communications = Array.from({ length: COMMUNICATIONS_PER_CLIENT }, (_, k) => ({
    id: `c-${crmId}-${k}`,
    client_id,
    channel: "email",
    direction: "inbound",
    subject: "About the order",
    body: "When does it arrive? ".repeat(20),
    occurred_at: "2026-01-31T08:00:00Z",
  }));
  await calls.setCommunications(communications, agentId);
  const tasks = Array.from({ length: TASKS_PER_CLIENT }, (_, k) => ({
    id: `t-${crmId}-${k}`,
    client_id,
    title: "Call back",
  }));
  await calls.setTasks(tasks, agentId);
  const asked = { template: TEMPLATE, client_id, data: { name: "Ada" } };
  const { id: documentId } = await calls.generateDocument(asked, agentId);
  return { client: { crmId, communicationIds: communications.map(({ id }) => id), tasks }, documentId };
}
