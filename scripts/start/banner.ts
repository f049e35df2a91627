// What `npm start` prints when the API is up: where it is, a token, and three lines to paste.
import type { Config } from "../../backend/config.js";
import { DEMO_TENANTS, mailDomainOf } from "../../backend/seed/index.js";
import { issueToken } from "../../backend/services/tokens.js";

const TOKEN_HOURS = 24;

/**
 * The text to print.
 * @param url of the API, as it is reached from this machine
 */
export async function makeBanner(url: string, config: Config): Promise<string> {
  const [tenant] = DEMO_TENANTS;
  if (tenant === undefined) throw new Error("the demo data has no tenants");
  if (config.JWT_SECRET === undefined) {
    return `\nThe API is at ${url}, the cache's console at ${url}/ops/cache/. Tokens come from the identity provider of JWT_JWKS_URL (tenant_id: ${tenant.id}).\n`;
  }
  const token = await issueToken({
    secret: config.JWT_SECRET,
    subject: "demo-admin",
    tenantId: tenant.id,
    role: "admin",
    expiresInSeconds: TOKEN_HOURS * 3600,
    issuer: config.JWT_ISSUER,
    audience: config.JWT_AUDIENCE,
  });
  const bearer = '-H "Authorization: Bearer $TOKEN"';
  const get = `curl -s -i ${bearer} "${url}/api/accounts?limit=3" | grep -i -e "^HTTP" -e "^cache-status"`;
  const post = `curl -s ${bearer} -H "Content-Type: application/json" -d '{"name":"Example Ltd"}' "${url}/api/accounts"`;
  const metrics = config.METRICS_TOKEN
    ? `curl -H "Authorization: Bearer $METRICS_TOKEN" ${url}/metrics`
    : `curl ${url}/metrics`;
  return `
The API is at ${url} (Ctrl-C stops everything). A token of ${tenant.name}'s admin, for ${TOKEN_HOURS} hours:

export TOKEN=${token}

The cache's console is at ${url}/ops/cache/: log in with this token.

The first answer is a miss, the same again is a hit, and after a change the next one is fresh:

${get}
${get}
${post}; echo; ${get}

The cache's figures, for Prometheus: ${metrics}

The overlay (${url}/api/overlay/…) has users with roles of its own: agent@, supervisor@ and auditor@${mailDomainOf(tenant)}. With a token of
auditor@ the console has timelines, integrity, erasures and synchronisation.

export AGENT=$(npm run --silent admin -- token issue --tenant ${tenant.id} --email agent@${mailDomainOf(tenant)})
`;
}
