// Leads: people who may become customers, until they are converted.
// Tests: test/http/crud.test.ts, test/http/conversion.test.ts
import * as z from "zod";
import {
  count,
  country,
  email,
  longText,
  money,
  optional,
  percent,
  phone,
  recordId,
  text,
  website,
} from "../field-types.js";
import { exact, numberRange, oneOf, present } from "../filters.js";
import { defineModule } from "../module-definition.js";
import { INDUSTRIES, RATINGS, SOURCES } from "../picklists.js";
import { instant } from "../record-schema.js";

/** What clients may set; conversion alone sets "converted". */
export const OPEN_LEAD_STATUSES = ["new", "working", "nurturing", "qualified", "unqualified"] as const;

export const leadDocument = z.strictObject({
  first_name: optional(text(100)),
  last_name: text(100),
  company: text(200),
  title: optional(text(120)),
  email: optional(email()),
  phone: optional(phone()),
  website: optional(website()),
  industry: optional(z.enum(INDUSTRIES)),
  status: z.enum(OPEN_LEAD_STATUSES).default("new"),
  source: optional(z.enum(SOURCES)),
  rating: optional(z.enum(RATINGS)),
  score: optional(percent()),
  annual_revenue: optional(money()),
  employee_count: optional(count()),
  street: optional(text(200)),
  city: optional(text(100)),
  state: optional(text(100)),
  postal_code: optional(text(20)),
  country: optional(country()),
  owner_email: optional(email()),
  description: optional(longText(4000)),
});

export const leadsModule = defineModule({
  name: "leads",
  singular: "lead",
  document: leadDocument,
  readOnlyColumns: {
    converted_at: instant().nullable(),
    converted_contact_id: recordId().nullable(),
    converted_account_id: recordId().nullable(),
  },
  shownAs: { status: z.enum([...OPEN_LEAD_STATUSES, "converted"]) },
  // What a lead became; converting one is in convert-lead.ts.
  references: { converted_contact_id: { module: "contacts" }, converted_account_id: { module: "accounts" } },
  filters: {
    status: oneOf([...OPEN_LEAD_STATUSES, "converted"]),
    converted: present("converted_at"),
    company: exact(),
    email: exact(),
    industry: oneOf(INDUSTRIES),
    source: oneOf(SOURCES),
    rating: oneOf(RATINGS),
    city: exact(),
    country: exact(),
    owner_email: exact(),
    ...numberRange("score"),
    ...numberRange("annual_revenue"),
  },
  sortable: {
    last_name: { column: "last_name_key" },
    company: { column: "company_key" },
    score: { column: "score", nullable: true },
    annual_revenue: { column: "annual_revenue", nullable: true },
  },
  frozenBy: {
    column: "converted_at",
    detail: "This lead has been converted: change the contact it became instead.",
  },
});
