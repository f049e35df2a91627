// Business development sources: partners, events and campaigns that business comes from, until one is promoted to an account.
// Tests: test/http/crud.test.ts, test/http/listing.test.ts
import * as z from "zod";
import {
  country,
  day,
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
import { exact, numberRange, oneOf, present, timeRange } from "../filters.js";
import { defineModule } from "../module-definition.js";
import { INDUSTRIES } from "../picklists.js";
import { instant } from "../record-schema.js";

export const CHANNELS = [
  "referral",
  "partner",
  "event",
  "outbound",
  "inbound",
  "marketplace",
  "association",
  "advertising",
] as const;

/** What clients may set; promotion alone sets "promoted". */
export const OPEN_SOURCE_STATUSES = ["identified", "evaluating", "active", "paused", "exhausted"] as const;

export const bizdevsourceDocument = z.strictObject({
  name: text(200),
  channel: z.enum(CHANNELS),
  status: z.enum(OPEN_SOURCE_STATUSES).default("identified"),
  company: optional(text(200)),
  contact_name: optional(text(200)),
  contact_email: optional(email()),
  contact_phone: optional(phone()),
  website: optional(website()),
  industry: optional(z.enum(INDUSTRIES)),
  region: optional(text(100)),
  city: optional(text(100)),
  country: optional(country()),
  expected_value: optional(money()),
  probability: optional(percent()),
  next_review_on: optional(day()),
  owner_email: optional(email()),
  description: optional(longText(4000)),
});

export const bizdevsourcesModule = defineModule({
  name: "bizdevsources",
  singular: "business development source",
  document: bizdevsourceDocument,
  readOnlyColumns: { promoted_at: instant().nullable(), promoted_account_id: recordId().nullable() },
  shownAs: { status: z.enum([...OPEN_SOURCE_STATUSES, "promoted"]) },
  // What a source became; promoting one is in promote-bizdevsource.ts.
  references: { promoted_account_id: { module: "accounts" } },
  filters: {
    name: exact(),
    channel: oneOf(CHANNELS),
    status: oneOf([...OPEN_SOURCE_STATUSES, "promoted"]),
    promoted: present("promoted_at"),
    industry: oneOf(INDUSTRIES),
    region: exact(),
    country: exact(),
    owner_email: exact(),
    ...numberRange("expected_value"),
    ...numberRange("probability"),
    ...timeRange("next_review_on"),
  },
  sortable: {
    name: { column: "name_key" },
    expected_value: { column: "expected_value", nullable: true },
    probability: { column: "probability", nullable: true },
    next_review_on: { column: "next_review_on", nullable: true },
  },
  constraints: {
    bizdevsources_name_unique: { field: "name", message: "is the name of another source" },
  },
  frozenBy: {
    column: "promoted_at",
    detail: "This source has been promoted: change the account it became instead.",
  },
});
