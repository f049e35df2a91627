// Where clients name a tenant: in headers, in the query, in the body, and in the host.
// Tests: test/integration/verify-routes.test.ts

import type { ReadOptions } from "./http-exchange.js";
import type { VerifyOptions } from "./options.js";

/** A tenant's name in one of the places. */
export interface Claim {
  readonly where: string;
  at(url: string): ReadOptions;
}

const USUAL_HEADERS = [
  "x-tenant",
  "x-tenant-id",
  "x-tenantid",
  "tenant",
  "tenant-id",
  "x-org",
  "x-org-id",
  "x-organization",
  "x-organization-id",
  "x-account",
  "x-account-id",
  "x-company-id",
  "x-customer-id",
  "x-workspace",
  "x-workspace-id",
];
const USUAL_FIELDS = [
  "tenant",
  "tenantId",
  "tenant_id",
  "org",
  "orgId",
  "org_id",
  "organization",
  "organizationId",
  "organization_id",
  "account",
  "accountId",
  "account_id",
  "companyId",
  "company_id",
  "workspace",
  "workspaceId",
  "workspace_id",
];
/**
 * What authenticates, where it is among a tenant's headers; the others are then what the client says beside
 * it.
 */
const CREDENTIALS = ["authorization", "cookie", "x-api-key", "api-key", "x-auth-token", "x-access-token"];
/** As sub-domains are read: the first label, or Express's `req.subdomains`. */
const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i;

/** All claims of the first tenant to be `name`, the second one. */
export function claims(options: VerifyOptions, name: string): Claim[] {
  const { tenants, claims: own = [] } = options;
  const [mine, theirs] = tenants.map(({ headers }) => lowerCased(headers));
  const isCredential = ([header]: [string, string]) => CREDENTIALS.includes(header);
  const beside = Object.entries(theirs ?? {}).filter(
    (header) => !isCredential(header) && mine?.[header[0]] !== header[1],
  );
  // Where no other header authenticates, these do: in the place of its own it would be the other tenant.
  const besideCredentials = Object.entries(mine ?? {}).some(isCredential) ? beside : [];
  const inHeaders = [...USUAL_HEADERS, ...own]
    .map((header) => [header.toLowerCase(), name] as const)
    .filter(([header]) => mine?.[header] === undefined && isHeaderName(header));
  const all = USUAL_FIELDS.concat(own);
  return [
    ...[...inHeaders, ...besideCredentials].map(([header, value]) => ({
      where: `the header ${header}`,
      at: (url: string) => ({ url, headers: { [header]: value } }),
    })),
    ...all.map((field) => ({
      where: `the query parameter ${field}`,
      at: (url: string) => ({ url: withParameter(url, field, name) }),
    })),
    {
      where: "the body",
      at: (url) => ({ url, headers: { "content-type": "application/json" }, body: bodyOf(all, name) }),
    },
    ...(LABEL.test(name) && mine?.host === undefined
      ? [
          {
            where: "the sub-domain",
            at: (url: string) => ({ url, headers: { host: `${name.toLowerCase()}.example.com` } }),
          },
        ]
      : []),
  ];
}

/** An object that names the tenant in every usual field. */
export function bodyOf(fields: readonly string[], name: string, body: object = {}): string {
  return JSON.stringify({ ...Object.fromEntries(fields.map((field) => [field, name])), ...body });
}

/** As {@link bodyOf}, with what a mutation says by itself. */
export function claimingBody(options: VerifyOptions, name: string, body: object): string {
  return bodyOf(USUAL_FIELDS.concat(options.claims ?? []), name, body);
}

function withParameter(url: string, field: string, name: string): string {
  return `${url}${url.includes("?") ? "&" : "?"}${encodeURIComponent(field)}=${encodeURIComponent(name)}`;
}

function lowerCased(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

function isHeaderName(name: string): boolean {
  return /^[!#$%&'*+.^_`|~\w-]+$/.test(name);
}
