// The CRM with an audit trail that is signed, and clients for the overlay's roles.
import type { Pool } from "pg";
import type { AppDependencies } from "../../app.js";
import type { OverlayRole, Role } from "../../http/identity/auth.js";
import { AuditTrail, type AuditTrailOptions } from "../../services/audit/audit-trail.js";
import { Checkpointer } from "../../services/audit/checkpointer.js";
import { AuditWatch } from "../../services/audit/status/audit-watch.js";
import { integrate } from "../../services/audit/tree-store.js";
import type { WitnessClient } from "../../services/audit/witness-client.js";
import { issueToken } from "../../services/tokens.js";
import { pseudonym } from "./audit-database.js";
import { LOG_KEY } from "./audit-log.js";
import { type Crm, type CrmClient, type CrmStore, SECRET, startCrm, TENANT_A } from "./crm.js";
import { PATIENT_TRAIL } from "./patient.js";

export interface AuditedCrm {
  readonly crm: Crm;
  readonly trail: AuditTrail;
  readonly watch: AuditWatch;
  /** What the watch has said. */
  readonly lines: readonly string[];
  as(
    overlayRoles: readonly OverlayRole[],
    more?: { readonly role?: Role; readonly tenantId?: string },
  ): Promise<CrmClient>;
  /** The token of {@link as}. */
  token(
    overlayRoles: readonly OverlayRole[],
    more?: { readonly role?: Role; readonly tenantId?: string | undefined },
  ): Promise<string>;
  /** Gives records their places, and signs the tree. */
  sign(tenantId?: string): Promise<void>;
  close(): Promise<void>;
}

export async function startAuditedCrm(
  store: CrmStore = "memory",
  options: Partial<AuditTrailOptions> & {
    readonly auditPool?: Pool;
    readonly witnesses?: readonly WitnessClient[];
    readonly app?: Partial<AppDependencies>;
  } = {},
): Promise<AuditedCrm> {
  const lines: string[] = [];
  const say = (line: unknown) => void lines.push(String(line));
  const opened: { audit?: { trail: AuditTrail; watch: AuditWatch; checkpointer: Checkpointer } } = {};
  const crm = await startCrm(store, ({ pool: own }) => {
    const pool = options.auditPool ?? own;
    const checkpointer = new Checkpointer({
      pool: own,
      key: LOG_KEY,
      places: [],
      witnesses: options.witnesses ?? [],
    });
    const trail = new AuditTrail({ ...PATIENT_TRAIL, pool, pseudonym, checkpointer, ...options });
    const watch = new AuditWatch({ pool: own, trail, logger: { info: say, error: say } });
    opened.audit = { trail, watch, checkpointer };
    return {
      ...options.app,
      audit: { pool: own, trail, watch, pseudonym, site: "https://crm.example.com/api" },
    };
  });
  const token: AuditedCrm["token"] = async (overlayRoles, more = {}) => {
    const { role = "viewer" } = more;
    const tenantId = "tenantId" in more ? more.tenantId : TENANT_A;
    const subject = `${overlayRoles.join("-") || "nobody"}@test`;
    return issueToken({ secret: SECRET, subject, role, ...(tenantId && { tenantId }), overlayRoles });
  };
  const { audit } = opened;
  if (!audit) throw new Error("startCrm makes the dependencies");
  return {
    crm,
    lines,
    ...audit,
    token,
    as: async (...who) => crm.withAuthorization(`Bearer ${await token(...who)}`),
    sign: async (tenantId = TENANT_A) => {
      while ((await integrate(crm.pool, tenantId))?.added);
      await audit.checkpointer.checkpoint(tenantId);
    },
    close: async () => {
      await audit.watch.stop();
      await audit.trail.close();
      await crm.close();
    },
  };
}
