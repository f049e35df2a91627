// Which records a legal hold keeps, as a condition of SQL. Holds: retention/legal-holds.ts.
// Tests: test/integration/audit-retention.test.ts

/**
 * Of a row `r` of audit_records. Holds are behind their tenant: the transaction has to act for it (`app.tenant_id`), also as the tables'
 * owner.
 */
export const HELD = `EXISTS (
  SELECT FROM audit_legal_holds h WHERE h.tenant_id = r.tenant_id AND h.released_at IS NULL
    AND (h.subject IS NULL OR h.subject = r.subject)
    AND (h.entity_type IS NULL OR h.entity_type = r.entity_type)
    AND (h.entity_id IS NULL OR h.entity_id = r.entity_id))`;
