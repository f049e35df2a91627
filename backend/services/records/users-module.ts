// Users of a tenant, technicians among them. Passwords are the business of backend/services/auth.
// Tests: test/http/user-access.test.ts, test/http/services.test.ts
import * as z from "zod";
import { OVERLAY_ROLES, ROLES } from "../../http/identity/auth.js";
import { email, optional, phone, text } from "../../modules/field-types.js";
import { defineModule } from "../../modules/module-definition.js";

export const usersModule = defineModule({
  name: "users",
  singular: "user",
  document: z.strictObject({
    email: email(),
    name: text(200),
    role: z.enum(ROLES).exclude(["superadmin"]).default("member"),
    overlay_roles: z
      .array(z.enum(OVERLAY_ROLES))
      .max(OVERLAY_ROLES.length)
      .transform((roles) => [...new Set(roles)].sort())
      .default([]),
    phone: optional(phone()),
    is_technician: z.boolean().default(false),
    is_active: z.boolean().default(true),
  }),
  filters: {},
  sortable: {},
  constraints: { users_email_unique: { field: "email", message: "is the address of another user" } },
});
