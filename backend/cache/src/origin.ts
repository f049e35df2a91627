// Origins: the scheme, host and port of a URL, in one spelling.
// Tests: test/unit/authority.test.ts
import { isIPv6 } from "node:net";

export type Scheme = "http" | "https";

const DEFAULT_PORTS = { http: 80, https: 443 } as const;
/** DNS has names of 253 characters. */
const MAX_HOST_LENGTH = 300;
// RFC 3986 section 3.2.2, without user information, which RFC 9110 section 4.2.4 forbids here.
const HOST = /^(\[[\d.:a-f]+\]|(?:[\w.~!$&'()*+,;=-]|%[\da-f]{2})+)(?::(\d*))?$/;
/** Their ports are the system's choice: test suites open another one for each request. */
const LOOPBACK = /^(?:(?:.+\.)?localhost\.?|127(?:\.\d{1,3}){3}|\[::1\])$/;

/**
 * Scheme, host and port in one spelling: lower case, without the scheme's own port, and without any port for
 * loopback names. A final dot stays: certificates, cookies and virtual hosts tell the two names apart.
 *
 * @returns `undefined` where the text is no host
 */
export function originOf(scheme: Scheme, host: string): string | undefined {
  if (host.length > MAX_HOST_LENGTH) return undefined;
  const [, given = "", port = ""] = HOST.exec(host.toLowerCase()) ?? [];
  const name = given.startsWith("[") ? ipv6(given) : given;
  if (name === undefined || name === "" || Number(port) > 65_535) return undefined;
  const isImplied = port === "" || Number(port) === DEFAULT_PORTS[scheme] || LOOPBACK.test(name);
  return isImplied ? `${scheme}://${name}` : `${scheme}://${name}:${Number(port)}`;
}

/** `[0:0:0:0:0:0:0:1]` is `[::1]`. */
function ipv6(literal: string): string | undefined {
  return isIPv6(literal.slice(1, -1)) ? new URL(`http://${literal}`).hostname : undefined;
}
