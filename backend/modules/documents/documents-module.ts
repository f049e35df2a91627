// Documents: offers, contracts and notes of an account or an opportunity. Their content has routes of its own.
// Tests: test/http/documents.test.ts, test/http/crud.test.ts
import * as z from "zod";
import { count, email, longText, optional, recordId, text } from "../field-types.js";
import { exact, oneOf, present } from "../filters.js";
import { defineModule } from "../module-definition.js";

export const DOCUMENT_KINDS = ["offer", "contract", "invoice", "presentation", "note", "other"] as const;

export const documentsModule = defineModule({
  name: "documents",
  singular: "document",
  document: z.strictObject({
    name: text(200),
    kind: z.enum(DOCUMENT_KINDS).default("other"),
    account_id: optional(recordId()),
    opportunity_id: optional(recordId()),
    owner_email: optional(email()),
    description: optional(longText(4000)),
  }),
  // Of the content lists show these; the bytes come from document-content.ts.
  readOnlyColumns: { content_type: z.string().nullable(), content_bytes: count().nullable() },
  references: {
    account_id: { module: "accounts", shows: { account_name: "account.name" } },
    opportunity_id: { module: "opportunities", shows: { opportunity_name: "opportunity.name" } },
  },
  filters: {
    kind: oneOf(DOCUMENT_KINDS),
    owner_email: exact(),
    has_content: present("content_bytes"),
  },
  sortable: {
    name: { column: "name_key" },
    content_bytes: { column: "content_bytes", nullable: true },
  },
});
