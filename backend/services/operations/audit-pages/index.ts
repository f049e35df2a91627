// The console's pages for auditors, and who sees which.
// Tests: test/http/audit-pages.test.ts
import type { ConsolePage } from "express-tenant-cache";
import { type Auth, includesOverlayRole } from "../../../http/identity/auth.js";
import type { AuditPage, AuditPageSources } from "./audit-page.js";
import { erasuresPage } from "./erasures-page.js";
import { statusPage } from "./status-page.js";
import { syncPage } from "./sync-page.js";
import { timelinePage } from "./timeline-page.js";

export type { AuditPageSources } from "./audit-page.js";

export interface AuditPages {
  readonly pages: readonly ConsolePage[];
  /** Their paths. The CRM's roles give none of them, as they give none of the routes. */
  seenBy(auth: Auth): readonly string[];
}

/** @param sources none where nothing is recorded: then there are no such pages */
export function auditPages(sources: AuditPageSources | undefined): AuditPages {
  const all: readonly AuditPage[] = sources
    ? [timelinePage(sources), statusPage(sources), erasuresPage(sources), syncPage(sources)]
    : [];
  return {
    pages: all.map(({ page }) => page),
    seenBy: ({ overlayRoles = [] }) =>
      all
        .filter(({ roles }) => roles.some((role) => includesOverlayRole(overlayRoles, role)))
        .map(({ page }) => page.path),
  };
}
