// CRM_CONNECTIONS: which tenants are synchronised with which other CRM, and how to get in there. A JSON list.
// Tests: test/unit/crm-connections.test.ts
import * as z from "zod";
import type { Checked } from "./secret-files.js";

const NAME = "CRM_CONNECTIONS";
const HOW =
  'write a JSON list of { "id", "tenant", "crm", "client_id", "client_secret", "refresh_token", "fields" } (docs/crm/sync.md)';

const fieldName = z.string().regex(/^[A-Za-z]\w{0,99}$/, "must be the name of a field");
const shared = {
  /** In the path of webhooks. */
  id: z.guid("must be a UUID").toLowerCase(),
  tenant: z.guid("must be the UUID of a tenant").toLowerCase(),
  client_id: z.string().min(1),
  client_secret: z.string().min(1),
  /** The first one; those that come in its place are kept in the database. */
  refresh_token: z.string().min(1),
  /** What of a client is read, and may be written. */
  fields: z.array(fieldName).min(1).max(200),
  /** A field of the CRM that nobody else writes: it then tells for certain whether a change has arrived. */
  write_key_field: fieldName.optional(),
  /** "known": only clients that were asked for here. */
  clients: z.enum(["all", "known"]).default("all"),
  /** Whether an erasure here erases the person there. */
  erase: z.boolean().default(true),
};
const url = z.url({ protocol: /^https?$/, error: "must be an http(s) URL" });

const hubspot = z.strictObject({
  crm: z.literal("hubspot"),
  ...shared,
  /** Of the account: an app's webhooks come for all accounts that have installed it. */
  portal_id: z.int().positive(),
  api_url: url.default("https://api.hubapi.com"),
});
const salesforce = z.strictObject({
  crm: z.literal("salesforce"),
  ...shared,
  /** Of the organisation, or the sandbox's https://test.salesforce.com. */
  login_url: url.default("https://login.salesforce.com"),
  api_version: z
    .string()
    .regex(/^\d{2}\.0$/, 'must be like "66.0"')
    .default("66.0"),
  /** Contacts, unless clients are persons' accounts or leads. */
  object: fieldName.default("Contact"),
});
const connection = z.discriminatedUnion("crm", [hubspot, salesforce]);

export type CrmConnection = z.output<typeof connection>;
export type HubspotConnection = Extract<CrmConnection, { crm: "hubspot" }>;
export type SalesforceConnection = Extract<CrmConnection, { crm: "salesforce" }>;

/** Never repeats a value: some are secrets. */
export function parseCrmConnections(text: string | undefined): Checked<readonly CrmConnection[]> {
  if (!text) return { value: [], problems: [] };
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch {
    return { value: [], problems: [`${NAME}: is no JSON: ${HOW}`] };
  }
  const parsed = z.array(connection).safeParse(given);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path, message }) => {
      const [index, ...rest] = path.map(String);
      const where = index === undefined ? "" : ` connection ${Number(index) + 1} ${rest.join(".")}`;
      return `${NAME}:${where.trimEnd()}${where === "" ? "" : ":"} ${message}: ${HOW}`;
    });
    return { value: [], problems };
  }
  return { value: parsed.data, problems: repetitions(parsed.data) };
}

function repetitions(connections: readonly CrmConnection[]): string[] {
  const problems: string[] = [];
  const seen = new Set<string>();
  for (const { id, tenant, crm } of connections) {
    for (const each of [`the id ${id}`, `${crm} of tenant ${tenant}`]) {
      if (seen.has(each))
        problems.push(`${NAME}: two connections have ${each}: a client would belong to both`);
      seen.add(each);
    }
  }
  return problems;
}
