// The CRM with overlay and synchronisation behind real HTTP, connected to a local HubSpot.
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { pino } from "pino";
import type { CrmConnection } from "../../../config/crm-connections.js";
import { listen } from "../../../http/http-server.js";
import type { OverlayRole } from "../../../http/identity/auth.js";
import { AuditTrail } from "../../../services/audit/audit-trail.js";
import { AuditWatch } from "../../../services/audit/status/audit-watch.js";
import { Overlay } from "../../../services/overlay/overlay.js";
import type { ClientSources } from "../../../services/overlay/overlay-parts.js";
import { LocalKeyProvider } from "../../../services/subjects/local-key-provider.js";
import { SubjectVault } from "../../../services/subjects/subject-vault.js";
import { TenantKeys } from "../../../services/subjects/tenant-keys.js";
import { workRound } from "../../../services/sync/client-worker.js";
import { tellOverlay } from "../../../services/sync/overlay-link.js";
import type { SyncLimits } from "../../../services/sync/sync-context.js";
import { syncFigures } from "../../../services/sync/sync-overview.js";
import { SyncService } from "../../../services/sync/sync-service.js";
import { issueToken } from "../../../services/tokens.js";
import { openCache } from "../caches.js";
import { type Crm, SECRET, startCrm, TENANT_A } from "../crm.js";
import { DescribedAnswers } from "../described-answers.js";
import { PATIENT_TRAIL, patientPool } from "../patient.js";

export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: JSON of any route
  readonly body: any;
}

export interface SyncCrm {
  readonly crm: Crm;
  readonly url: string;
  readonly sync: SyncService;
  readonly vault: SubjectVault;
  readonly trail: AuditTrail;
  readonly watch: AuditWatch;
  /** Works until nothing is left to do now. */
  work(): Promise<void>;
  /** Runs between an answer of the other CRM, which synchronisation has taken, and its being kept by the overlay. */
  beforeKeeping: (() => Promise<void>) | undefined;
  /** A supervisor says that the overlay's copy is old. */
  setStale(crmId: string): Promise<void>;
  /** Of tenant A, unless another is named. */
  token(roles: readonly OverlayRole[], options?: { subject?: string; tenantId?: string }): Promise<string>;
  ask(
    roles: readonly OverlayRole[],
    method: string,
    path: string,
    body?: object,
    options?: { subject?: string; tenantId?: string },
  ): Promise<Answered>;
  close(): Promise<void>;
}

export const AGENT = "11111111-0000-4000-8000-00000000000a";

export async function startSyncCrm(
  connections: readonly CrmConnection[],
  limits: Partial<SyncLimits> = {},
): Promise<SyncCrm> {
  const crm = await startCrm("memory");
  const own = patientPool(crm.databaseUrl, { max: 4 });
  const folder = mkdtempSync(path.join(tmpdir(), "sync-secrets-"));
  const provider = new LocalKeyProvider({ keys: [{ id: "first", secret: randomBytes(32) }], folder });
  const tenantKeys = new TenantKeys(own, provider);
  const pseudonym = (tenantId: string, subjectId: string) => tenantKeys.pseudonym(tenantId, subjectId);
  const trail = new AuditTrail({ ...PATIENT_TRAIL, pool: own, pseudonym });
  const { pool } = crm;
  // The views' keys are those of the app that startCrm has made: the twin has a cache of its own.
  const cache = await openCache("memory", { tenant: (req) => req.auth?.tenantId });
  const fence = async () => true;
  const vault = new SubjectVault({ pool: own, provider, tenantKeys, audit: trail, fence });
  const logger = pino({ level: "silent" });
  const sync = new SyncService({ pool, cache, vault, audit: trail, logger, connections, limits });
  const sources: ClientSources = {
    read: async (...asked) => {
      const answer = await sync.read(...asked);
      await started.beforeKeeping?.();
      return answer;
    },
  };
  // Above what any answer takes on a busy machine: no test here is about the budget.
  const overlay = new Overlay({ pool, cache, audit: trail, vault, sources, sourceBudgetMs: 120_000 });
  tellOverlay(sync, overlay);
  const watch = new AuditWatch({ pool, trail, logger });
  watch.registerSync((tenantId) => syncFigures(sync, tenantId));
  const audit = { pool, trail, pseudonym, watch };
  const app = crm.twin({ cache, overlay, sync, subjects: { vault, audit: trail }, audit });
  const answers = await DescribedAnswers.of(app);
  const server = createServer(app);
  const { port }: AddressInfo = await listen(server, 0, "127.0.0.1");
  const url = `http://127.0.0.1:${port}`;
  const token: SyncCrm["token"] = (overlayRoles, { subject = AGENT, tenantId = TENANT_A } = {}) =>
    issueToken({ secret: SECRET, subject, role: "member", tenantId, overlayRoles });
  const started: SyncCrm = {
    crm,
    url,
    sync,
    vault,
    trail,
    watch,
    beforeKeeping: undefined,
    setStale: (crmId) => {
      const actor = { id: AGENT, role: "supervisor" };
      return overlay.clients.setSyncStatus({ tenantId: TENANT_A, actor }, "hubspot", crmId, "stale");
    },
    work: async () => {
      for (const link of sync.links)
        while ((await workRound(sync.context, link, new AbortController().signal)) > 0);
    },
    token,
    ask: async (overlayRoles, method, where, body, options = {}) => {
      const response = await fetch(url + where, {
        method,
        headers: {
          Authorization: `Bearer ${await token(overlayRoles, options)}`,
          "Purpose-Of-Use": "TREAT",
          ...(body && { "Content-Type": "application/json" }),
        },
        ...(body && { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      const { status, headers } = response;
      const answer = { status, headers, body: text && JSON.parse(text) };
      answers.check({
        ...answer,
        method,
        path: where,
        contentType: headers.get("content-type") ?? undefined,
      });
      return answer;
    },
    close: async () => {
      await overlay.staleKeys.idle();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await trail.close();
      vault.close();
      await own.end();
      await cache.close();
      await crm.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  return started;
}
