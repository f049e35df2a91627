// Contacts: people, most of them at an account.
// Tests: test/http/crud.test.ts, test/http/listing.test.ts
import * as z from "zod";
import { country, email, longText, optional, phone, recordId, text } from "../field-types.js";
import { exact, flag, oneOf } from "../filters.js";
import { defineModule } from "../module-definition.js";
import { SOURCES } from "../picklists.js";

export const contactDocument = z.strictObject({
  account_id: optional(recordId()),
  first_name: optional(text(100)),
  last_name: text(100),
  email: optional(email()),
  phone: optional(phone()),
  mobile_phone: optional(phone()),
  title: optional(text(120)),
  department: optional(text(100)),
  source: optional(z.enum(SOURCES)),
  mailing_street: optional(text(200)),
  mailing_city: optional(text(100)),
  mailing_state: optional(text(100)),
  mailing_postal_code: optional(text(20)),
  mailing_country: optional(country()),
  do_not_contact: z.boolean().default(false),
  owner_email: optional(email()),
  description: optional(longText(4000)),
});

export const contactsModule = defineModule({
  name: "contacts",
  singular: "contact",
  document: contactDocument,
  // Every contact shows its account's name.
  references: { account_id: { module: "accounts", shows: { account_name: "account.name" } } },
  filters: {
    last_name: exact(),
    email: exact(),
    department: exact(),
    source: oneOf(SOURCES),
    mailing_city: exact(),
    mailing_country: exact(),
    do_not_contact: flag(),
    owner_email: exact(),
  },
  sortable: {
    last_name: { column: "last_name_key" },
    first_name: { column: "first_name_key", nullable: true },
    email: { column: "email_key", nullable: true },
  },
  constraints: {
    contacts_email_unique: { field: "email", message: "is the address of another contact" },
  },
});
