// Alerts of audit trails for Prometheus: of how many tenants each is, without their names. Asks no database.
// Tests: test/http/metrics.test.ts, test/integration/monitoring-rules.test.ts
import { Gauge, Registry } from "prom-client";
import { AUDIT_ALERTS, type AuditWatch } from "../audit/status/audit-watch.js";

/** A registry for `cache.metricsHandler`, which adds the cache's figures. */
export function auditMetrics(watch: Pick<AuditWatch, "tenantsWith">): Registry {
  const registry = new Registry();
  new Gauge({
    name: "crm_audit_alerts",
    help: "Tenants whose audit trail or synchronisation has this alert, as this process sees it.",
    labelNames: ["alert"],
    registers: [registry],
    collect() {
      for (const alert of AUDIT_ALERTS) this.set({ alert }, watch.tenantsWith(alert));
    },
  });
  return registry;
}
