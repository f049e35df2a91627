// The facade: every call of the overlay, for one tenant and one request.
// Tests: test/integration/overlay-facade.test.ts
import type { Actor, AuditLog } from "../audit/audit-trail.js";
import type { AIAction, ClaimedAction, ClaimOptions, Failure, GivenAction } from "./ai/ai-action.js";
import type { AIContext } from "./ai/ai-contexts.js";
import type { AIStatus } from "./ai/ai-queue-rows.js";
import type { Integrity } from "./audit-trail-service.js";
import type { SetClientOptions } from "./crm/ask-source.js";
import type { SyncState, SyncStatus } from "./crm/client-rows.js";
import type { ClientResult } from "./crm/crm-cache-service.js";
import type { ClientData, ClientRef, CrmClient } from "./crm/crm-client.js";
import type { CachedDocument, Download } from "./documents/document-cache-service.js";
import type { Template } from "./documents/template-rows.js";
import { type Caller, refusal, seesAll } from "./overlay-caller.js";
import type { Cleanup, OverlayServices, OverlayStats } from "./overlay-services.js";
import type { Communication } from "./records/communication-cache-service.js";
import type { Kept } from "./records/record-kind.js";
import type { Page, PageRequest } from "./records/record-page.js";
import type { RecordFilter } from "./records/record-service.js";
import type { Task, TaskStatus } from "./records/task-cache-service.js";
import type { SessionData } from "./session-cache-service.js";

/**
 * All calls throw HttpProblem: 400 for what is not valid, 403 for another agent's work or a purpose without consent (on record), 410 for
 * a person who was erased, 413 for what is too large, 503 where the trail cannot take the record.
 */
export class CacheService {
  readonly #overlay: OverlayServices;
  readonly #caller: Caller;

  /** Internal: `overlay.for(caller)` makes it. */
  constructor(overlay: OverlayServices, caller: Caller) {
    this.#overlay = overlay;
    this.#caller = caller;
  }

  setSession(sessionId: string, data: unknown, agentId: string): Promise<boolean> {
    return this.#overlay.sessions.set(this.#caller, sessionId, data, agentId);
  }

  getSession(sessionId: string): Promise<SessionData | undefined> {
    return this.#overlay.sessions.get(this.#caller, sessionId);
  }

  deleteSession(sessionId: string): Promise<void> {
    return this.#overlay.sessions.delete(this.#caller, sessionId);
  }

  setCrmClient(
    crmSystem: string,
    crmId: string,
    data: ClientData,
    agentId: string,
    options?: SetClientOptions,
  ): Promise<CrmClient> {
    return this.#overlay.clients.set(this.#caller, crmSystem, crmId, data, agentId, options);
  }

  getCrmClient(crmSystem: string, crmId: string, agentId: string): Promise<CrmClient | undefined> {
    return this.#overlay.clients.get(this.#caller, crmSystem, crmId, agentId);
  }

  /** At most 100; each is the client, or why there is none. */
  getCrmClients(clients: readonly ClientRef[], agentId: string): Promise<ClientResult[]> {
    return this.#overlay.clients.getMany(this.#caller, clients, agentId);
  }

  getSyncStatus(crmSystem: string, crmId: string): Promise<SyncState> {
    return this.#overlay.clients.syncStatus(this.#caller, crmSystem, crmId);
  }

  setSyncStatus(crmSystem: string, crmId: string, status: SyncStatus, reason?: string): Promise<void> {
    return this.#overlay.clients.setSyncStatus(this.#caller, crmSystem, crmId, status, reason);
  }

  setCommunication(communication: unknown, agentId: string): Promise<Communication & Kept> {
    return this.#overlay.communications.set(this.#caller, communication, agentId);
  }

  /** All or none, at most 100. */
  setCommunications(communications: readonly unknown[], agentId: string): Promise<(Communication & Kept)[]> {
    return this.#overlay.communications.setMany(this.#caller, communications, agentId);
  }

  async getCommunication(id: string, agentId: string): Promise<(Communication & Kept) | undefined> {
    return await this.#overlay.communications.get(await this.#as(agentId, "communication", id), id);
  }

  getClientCommunications(clientId: string, page?: RecordFilter): Promise<Page<Communication & Kept>> {
    return this.#overlay.communications.ofClient(this.#caller, clientId, page);
  }

  deleteCommunication(id: string): Promise<void> {
    return this.#overlay.communications.delete(this.#caller, id);
  }

  setTask(task: unknown, agentId: string): Promise<Task & Kept> {
    return this.#overlay.tasks.set(this.#caller, task, agentId);
  }

  setTasks(tasks: readonly unknown[], agentId: string): Promise<(Task & Kept)[]> {
    return this.#overlay.tasks.setMany(this.#caller, tasks, agentId);
  }

  async getTask(id: string, agentId: string): Promise<(Task & Kept) | undefined> {
    return await this.#overlay.tasks.get(await this.#as(agentId, "task", id), id);
  }

  getClientTasks(clientId: string, page?: RecordFilter): Promise<Page<Task & Kept>> {
    return this.#overlay.tasks.ofClient(this.#caller, clientId, page);
  }

  getTasksByStatus(status: TaskStatus, page: PageRequest = {}): Promise<Page<Task & Kept>> {
    return this.#overlay.tasks.list(this.#caller, { ...page, status });
  }

  deleteTask(id: string): Promise<void> {
    return this.#overlay.tasks.delete(this.#caller, id);
  }

  /** @param actor who or what wants it; the record in the trail is of whoever calls. Default: the caller */
  addAIAction(agentId: string, action: GivenAction, actor?: string | Pick<Actor, "id">): Promise<AIAction> {
    const requestedBy = typeof actor === "object" ? actor.id : actor;
    return this.#overlay.ai.add(this.#caller, agentId, action, requestedBy);
  }

  getAIQueue(agentId: string, statuses?: readonly AIStatus[]): Promise<AIAction[]> {
    return this.#overlay.ai.queue(this.#caller, agentId, statuses);
  }

  claimAIActions(agentId: string, options?: ClaimOptions): Promise<ClaimedAction[]> {
    return this.#overlay.ai.claim(this.#caller, agentId, options);
  }

  completeAIAction(id: string, lease: string, result?: unknown): Promise<void> {
    return this.#overlay.ai.complete(this.#caller, id, lease, result);
  }

  failAIAction(id: string, lease: string, failure: Failure): Promise<{ status: AIStatus }> {
    return this.#overlay.ai.fail(this.#caller, id, lease, failure);
  }

  retryAIAction(id: string): Promise<{ status: AIStatus }> {
    return this.#overlay.ai.retry(this.#caller, id);
  }

  setAIContext(sessionId: string, context: unknown, agentId: string): Promise<boolean> {
    return this.#overlay.ai.contexts.set(this.#caller, sessionId, context, agentId);
  }

  getAIContext(sessionId: string): Promise<AIContext | undefined> {
    return this.#overlay.ai.contexts.get(this.#caller, sessionId);
  }

  deleteAIContext(sessionId: string): Promise<void> {
    return this.#overlay.ai.contexts.delete(this.#caller, sessionId);
  }

  addTemplate(template: unknown): Promise<Template> {
    return this.#overlay.documents.addTemplate(this.#caller, template);
  }

  getTemplates(): Promise<Omit<Template, "body">[]> {
    return this.#overlay.documents.templates(this.#caller);
  }

  getTemplate(name: string, version?: number): Promise<Template> {
    return this.#overlay.documents.template(this.#caller, name, version);
  }

  generateDocument(request: unknown, agentId: string): Promise<Omit<CachedDocument, "content"> & Kept> {
    return this.#overlay.documents.generate(this.#caller, request, agentId);
  }

  getDocument(id: string): Promise<(CachedDocument & Kept) | undefined> {
    return this.#overlay.documents.get(this.#caller, id);
  }

  getClientDocuments(clientId: string, page?: PageRequest): Promise<Page<CachedDocument & Kept>> {
    return this.#overlay.documents.ofClient(this.#caller, clientId, page);
  }

  downloadDocument(id: string): Promise<Download | undefined> {
    return this.#overlay.documents.download(this.#caller, id);
  }

  deleteDocument(id: string): Promise<void> {
    return this.#overlay.documents.delete(this.#caller, id);
  }

  verifyAuditIntegrity(): Promise<Integrity> {
    return this.#overlay.audit.verifyAuditIntegrity(this.#caller);
  }

  getAuditLogs(
    entityType: string,
    entityId: string,
    page?: { readonly limit?: number; readonly before?: number },
  ): Promise<AuditLog[]> {
    return this.#overlay.audit.getAuditLogs(this.#caller, entityType, entityId, page);
  }

  /** Of this tenant. @throws HttpProblem 403 for agents */
  async getCacheStats(): Promise<OverlayStats> {
    if (this.#caller.actor.role !== "auditor") await this.#requireAll("stats");
    return await this.#overlay.stats(this.#caller.tenantId);
  }

  /** Removes what is over, in a batch. @throws HttpProblem 403 below supervisor */
  async cleanup(): Promise<Cleanup> {
    await this.#requireAll("cleanup");
    return await this.#overlay.cleanup(this.#caller.tenantId);
  }

  /** An agent reads as itself alone; a supervisor as any agent. */
  async #as(agentId: string, entityType: string, entityId: string): Promise<Caller> {
    const { actor } = this.#caller;
    if (seesAll(this.#caller) || actor.id === agentId) return this.#caller;
    const event = { action: "read", entityType, entityId, dataClass: "phi" } as const;
    throw await refusal(this.#overlay.parts.audit, this.#caller, event);
  }

  async #requireAll(entityId: string): Promise<void> {
    if (seesAll(this.#caller)) return;
    const event = { action: "read", entityType: "overlay", entityId, dataClass: "business" } as const;
    throw await refusal(this.#overlay.parts.audit, this.#caller, event);
  }
}
