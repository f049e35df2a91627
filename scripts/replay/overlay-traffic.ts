// A day of the overlay's traffic: what agents and their tools ask for, and what the other CRM tells.
import type { Random } from "../../backend/seed/random.js";
import { CLIENT_SKEW, type OverlayHabitName } from "./overlay-habits.js";
import { type OverlayAgent, type OverlayPopulation, TEMPLATE } from "./overlay-population.js";
import type { Planned } from "./planned-request.js";
import { Zipf } from "./zipf.js";

/** Nobody's work is over because the machine is busy: time is compressed, what a request takes is not. */
const PATIENT_SECONDS = 3600;

interface ClaimAnswer {
  readonly data: readonly { readonly id: string; readonly lease: string }[];
}

/** Of one tenant: makes a request of a habit, of an agent whom it picks. */
export function overlayRequestsOf(
  { agents }: OverlayPopulation,
  random: Random,
): Readonly<Record<OverlayHabitName, () => Planned>> {
  const zipf = new Zipf(agents[0]?.clients.length ?? 1, CLIENT_SKEW);
  const clientOf = ({ clients }: OverlayAgent) => clients[zipf.pick(random)] ?? random.pick(clients);
  const asAgent = (agent: OverlayAgent, method: Planned["method"], path: string, body?: object): Planned => ({
    method,
    path: `/api/overlay${path}`,
    agentId: agent.id,
    ...(body && { body: { ...body } }),
  });
  /** @param make of an agent and one of its clients */
  const each =
    (make: (agent: OverlayAgent, client: OverlayAgent["clients"][number]) => Planned) => (): Planned => {
      const agent = random.pick(agents);
      return make(agent, clientOf(agent));
    };
  const ofClient = (crmId: string) => `client_id=${encodeURIComponent(`hubspot:${crmId}`)}`;
  return {
    readClient: each((agent, { crmId }) => asAgent(agent, "GET", `/clients/hubspot/${crmId}`)),
    readClients: each((agent) =>
      asAgent(agent, "POST", "/clients/batch", {
        clients: agent.clients.map(({ crmId }) => ({ crm_system: "hubspot", crm_id: crmId })),
      }),
    ),
    readSyncStatus: each((agent, { crmId }) =>
      asAgent(agent, "GET", `/clients/hubspot/${crmId}/sync-status`),
    ),
    listCommunications: each((agent, { crmId }) =>
      asAgent(agent, "GET", `/communications?${ofClient(crmId)}`),
    ),
    readCommunication: each((agent, { communicationIds }) =>
      asAgent(agent, "GET", `/communications/${random.pick(communicationIds)}`),
    ),
    listTasks: each((agent, { crmId }) => asAgent(agent, "GET", `/tasks?${ofClient(crmId)}`)),
    readTask: each((agent, { tasks }) => asAgent(agent, "GET", `/tasks/${random.pick(tasks).id}`)),
    tasksInStatus: each((agent) => asAgent(agent, "GET", "/tasks?status=open&limit=20")),
    listDocuments: each((agent, { crmId }) => asAgent(agent, "GET", `/documents?${ofClient(crmId)}`)),
    downloadDocument: each((agent) =>
      asAgent(agent, "GET", `/documents/${random.pick(agent.documentIds)}/content`),
    ),
    readQueue: each((agent) => asAgent(agent, "GET", "/ai/queue")),
    workOnQueue: each((agent) => ({
      ...asAgent(agent, "POST", "/ai/queue/claim", { limit: 5, lease_seconds: PATIENT_SECONDS }),
      followedBy: (answer) =>
        (answer as ClaimAnswer).data.map(({ id, lease }) =>
          asAgent(agent, "POST", `/ai/actions/${id}/complete`, { lease, result: { text: "Dear Ada" } }),
        ),
    })),
    addCommunication: each((agent, { crmId }) =>
      asAgent(agent, "POST", "/communications", {
        client_id: `hubspot:${crmId}`,
        channel: "call",
        direction: "outbound",
        subject: "Called back",
        occurred_at: "2026-01-31T09:00:00Z",
      }),
    ),
    changeTask: each((agent, { tasks }) => {
      const { id, client_id, title } = random.pick(tasks);
      const status = random.pick(["open", "in_progress", "done"]);
      return asAgent(agent, "PUT", `/tasks/${id}`, { client_id, title, status });
    }),
    addAction: each((agent, { crmId }) =>
      asAgent(agent, "POST", "/ai/queue", { type: "draft_reply", client_id: `hubspot:${crmId}` }),
    ),
    generateDocument: each((agent, { crmId }) =>
      asAgent(agent, "POST", "/documents", {
        template: TEMPLATE,
        client_id: `hubspot:${crmId}`,
        data: { name: "Ada" },
      }),
    ),
    webhook: each((_agent, { crmId }) => ({
      method: "POST",
      path: "/api/sync/webhooks",
      changedCrmId: crmId,
    })),
  };
}
