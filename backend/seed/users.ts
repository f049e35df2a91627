// Demo users: an administrator, a viewer, the overlay's three, the sales people who own records, and technicians. All have one password.
// Tests: test/integration/demo-data.test.ts
import { OVERLAY_ROLES } from "../http/identity/auth.js";
import type { DemoTenant } from "./demo-tenants.js";
import { FIRST_NAMES, LAST_NAMES } from "./names.js";
import { Random } from "./random.js";

/** What every demo user logs in with. */
export const DEMO_PASSWORD = "demo-password";
// hash(DEMO_PASSWORD) of @node-rs/argon2: the same for all, because 500 hashes would take most of a minute.
const DEMO_PASSWORD_HASH =
  "$argon2id$v=19$m=19456,t=2,p=1$M4GRIoYWJBArfLpCJ521bg$3OvlDHSxi45SRiUN9TNYYdDCxKHFychBszdufL5gzbc";

const MAX_TECHNICIANS = 40;
const ACCOUNTS_PER_TECHNICIAN = 250;
const FIRST_DAY = "2024-01-02T08:00:00.000Z";

/** "meridian-industrial-group.example": the tenant's own mail domain. */
export function mailDomainOf({ name }: DemoTenant): string {
  return `${name.toLowerCase().replaceAll(/[^a-z]+/g, "-")}.example`;
}

/** How many users a tenant with so many accounts has beside its sales people. */
export function staffCount(accounts: number): number {
  return 2 + OVERLAY_ROLES.length + technicianCount(accounts);
}

/**
 * `admin@…`, `viewer@…`, `technician1@…` and onwards, one member for each owner, and `agent@…`, `supervisor@…`, `auditor@…`
 * with the overlay role of that name.
 * @param accounts how many the tenant has
 * @param owners e-mail addresses of the sales people, as their records name them
 * @param seed its own, so that users do not change which records there are
 */
export function demoUsers(
  tenant: DemoTenant,
  accounts: number,
  owners: readonly string[],
  seed: number,
): Record<string, unknown>[] {
  const random = new Random(seed);
  const domain = mailDomainOf(tenant);
  const person = () => `${random.pick(FIRST_NAMES)} ${random.pick(LAST_NAMES)}`;
  const user = (email: string, name: string, role: string, isTechnician = false) => ({
    id: random.uuid(),
    email,
    name,
    role,
    phone: `+1 555 01${random.int(0, 99).toString().padStart(2, "0")} ${random.int(1000, 9999)}`,
    overlay_roles: [] as readonly string[],
    is_technician: isTechnician,
    is_active: true,
    password_hash: DEMO_PASSWORD_HASH,
    created_at: FIRST_DAY,
    updated_at: FIRST_DAY,
  });
  const technicians = Array.from({ length: technicianCount(accounts) }, (_, i) =>
    user(`technician${i + 1}@${domain}`, person(), "member", true),
  );
  return [
    user(`admin@${domain}`, person(), "admin"),
    user(`viewer@${domain}`, person(), "viewer"),
    ...technicians,
    ...owners.map((email) => user(email, nameOf(email), "member")),
    ...OVERLAY_ROLES.map((role) => ({
      ...user(`${role}@${domain}`, person(), "member"),
      overlay_roles: [role],
    })),
  ];
}

/** @param accounts how many the tenant has */
export function technicianCount(accounts: number): number {
  return Math.min(MAX_TECHNICIANS, 2 + Math.floor(accounts / ACCOUNTS_PER_TECHNICIAN));
}

/** "maria.adams@…" is Maria Adams. */
function nameOf(email: string): string {
  return (email.split("@")[0] ?? "")
    .split(".")
    .map((part) => part.charAt(0).toUpperCase() + part.slice(1))
    .join(" ");
}
