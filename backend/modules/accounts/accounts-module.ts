// Accounts: the companies a tenant does business with.
// Tests: test/http/crud.test.ts, test/http/listing.test.ts
import * as z from "zod";
import { count, country, email, longText, money, optional, phone, text, website } from "../field-types.js";
import { exact, numberRange, oneOf } from "../filters.js";
import { defineModule } from "../module-definition.js";
import { INDUSTRIES, RATINGS } from "../picklists.js";

export const ACCOUNT_TYPES = [
  "prospect",
  "customer",
  "partner",
  "reseller",
  "vendor",
  "competitor",
  "other",
] as const;

export const accountDocument = z.strictObject({
  name: text(200),
  type: z.enum(ACCOUNT_TYPES).default("prospect"),
  industry: optional(z.enum(INDUSTRIES)),
  rating: optional(z.enum(RATINGS)),
  website: optional(website()),
  phone: optional(phone()),
  annual_revenue: optional(money()),
  employee_count: optional(count()),
  billing_street: optional(text(200)),
  billing_city: optional(text(100)),
  billing_state: optional(text(100)),
  billing_postal_code: optional(text(20)),
  billing_country: optional(country()),
  owner_email: optional(email()),
  description: optional(longText(4000)),
});

export const accountsModule = defineModule({
  name: "accounts",
  singular: "account",
  document: accountDocument,
  filters: {
    name: exact(),
    type: oneOf(ACCOUNT_TYPES),
    industry: oneOf(INDUSTRIES),
    rating: oneOf(RATINGS),
    billing_city: exact(),
    billing_country: exact(),
    owner_email: exact(),
    ...numberRange("annual_revenue"),
    ...numberRange("employee_count"),
  },
  sortable: {
    name: { column: "name_key" },
    annual_revenue: { column: "annual_revenue", nullable: true },
    employee_count: { column: "employee_count", nullable: true },
  },
});
