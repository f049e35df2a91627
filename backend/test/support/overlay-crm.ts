// The CRM with the overlay, as HTTP clients see it: one for each overlay role.
import { randomBytes, randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createTenantCache } from "express-tenant-cache";
import supertest from "supertest";
import type { OverlayRole } from "../../http/identity/auth.js";
import { sharedRedisUrl } from "../../servers/index.js";
import { AuditTrail } from "../../services/audit/audit-trail.js";
import { Overlay, type OverlayOptions } from "../../services/overlay/overlay.js";
import { LocalKeyProvider } from "../../services/subjects/local-key-provider.js";
import { SubjectVault } from "../../services/subjects/subject-vault.js";
import { TenantKeys } from "../../services/subjects/tenant-keys.js";
import { issueToken } from "../../services/tokens.js";
import { PATIENT, quiet } from "./caches.js";
import { asDescribed, type Crm, SECRET, startCrm, TENANT_A } from "./crm.js";
import { DescribedAnswers } from "./described-answers.js";
import { PATIENT_MS, PATIENT_TRAIL, patientPool } from "./patient.js";

export interface OverlayClient {
  get(path: string): supertest.Test;
  post(path: string, body?: object): supertest.Test;
  put(path: string, body?: object): supertest.Test;
  delete(path: string): supertest.Test;
}

export interface OverlayCrm {
  readonly crm: Crm;
  readonly overlay: Overlay;
  readonly vault: SubjectVault;
  readonly trail: AuditTrail;
  /** Paths are below /api/overlay. @param subject the user's id */
  as(
    roles: readonly OverlayRole[],
    subject: string,
    options?: { purpose?: string; tenantId?: string },
  ): Promise<OverlayClient>;
  close(): Promise<void>;
}

export async function startOverlayCrm(changes: Partial<OverlayOptions> = {}): Promise<OverlayCrm> {
  const crm = await startCrm("redis");
  const own = patientPool(crm.databaseUrl, { max: 4 });
  const folder = mkdtempSync(path.join(tmpdir(), "overlay-secrets-"));
  const provider = new LocalKeyProvider({ keys: [{ id: "first", secret: randomBytes(32) }], folder });
  const tenantKeys = new TenantKeys(own, provider);
  const trail = new AuditTrail({
    ...PATIENT_TRAIL,
    pool: own,
    pseudonym: (tenantId, subjectId) => tenantKeys.pseudonym(tenantId, subjectId),
  });
  const { pool } = crm;
  // The views' keys are those of the other one.
  const cache = createTenantCache({
    redis: await sharedRedisUrl(),
    keyPrefix: `overlay-test:${randomUUID()}:`,
    tenant: (req) => req.auth?.tenantId,
    ...PATIENT,
    logger: quiet,
  });
  const vault = new SubjectVault({
    pool: own,
    provider,
    tenantKeys,
    audit: trail,
    fence: (tenantId, ...tags) => cache.invalidateTags(tenantId, ...tags),
    stepBudgetMs: PATIENT_MS,
  });
  const overlay = new Overlay({ pool, cache, audit: trail, vault, ...changes });
  const app = crm.twin({ cache, overlay, subjects: { vault, audit: trail } });
  const answers = await DescribedAnswers.of(app);
  return {
    crm,
    overlay,
    vault,
    trail,
    as: async (roles, subject, { purpose = "TREAT", tenantId = TENANT_A } = {}) => {
      const token = await issueToken({
        secret: SECRET,
        subject,
        role: "member",
        tenantId,
        overlayRoles: roles,
      });
      const asked = (request: supertest.Test) => {
        asDescribed(answers, request.set("Authorization", `Bearer ${token}`));
        return purpose === "" ? request : request.set("Purpose-Of-Use", purpose);
      };
      const agent = supertest(app);
      const at = (rest: string) => `/api/overlay${rest}`;
      return {
        get: (rest) => asked(agent.get(at(rest))),
        post: (rest, body) => asked(agent.post(at(rest))).send(body),
        put: (rest, body) => asked(agent.put(at(rest))).send(body),
        delete: (rest) => asked(agent.delete(at(rest))),
      };
    },
    close: async () => {
      await overlay.staleKeys.idle();
      await trail.close();
      vault.close();
      await own.end();
      await cache.close();
      await crm.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
