// TLS of a connection to Redis: who signed the servers' certificates, what this process shows of itself, and which name is expected.
// Tests: test/unit/config-redis.test.ts, test/integration/redis-cluster-connection.test.ts
import { X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { type ConnectionOptions, createSecureContext } from "node:tls";
import { type Checked, contentOf, type ReadFile } from "./secret-files.js";

export const TLS_PARTS = ["TLS_CA_FILE", "TLS_CERT_FILE", "TLS_KEY_FILE", "TLS_SERVERNAME"] as const;
type Part = (typeof TLS_PARTS)[number];

export interface TlsSource {
  /** Whether the URL says so. */
  readonly isUsed: boolean;
  /** The URL's variable. */
  readonly urlName: string;
  /** The name of a part's variable. */
  variable(part: Part): string;
  /** The value of a part. */
  given(part: Part): string | undefined;
  readonly readFile: ReadFile;
}

/**
 * Options for `tls.connect`; `undefined` where TLS is not used. Files are read once, when the process starts.
 */
export function parseTls(source: TlsSource): Checked<ConnectionOptions | undefined> {
  const { isUsed, urlName, variable, given, readFile } = source;
  if (!isUsed) {
    const parts = TLS_PARTS.filter((part) => given(part) !== undefined);
    const problems = parts.map(
      (part) => `${variable(part)}: ${urlName} does not use TLS: write rediss instead of redis there`,
    );
    return { value: undefined, problems };
  }
  const problems: string[] = [];
  const file = (part: Part) => {
    const path = given(part);
    if (path === undefined) return undefined;
    const content = contentOf(variable(part), path, readFile);
    problems.push(...content.problems);
    return content.value;
  };
  const ca = file("TLS_CA_FILE");
  if (ca !== undefined && !isCertificate(ca))
    problems.push(`${variable("TLS_CA_FILE")}: holds no certificate: write the path of a PEM file`);
  const servername = given("TLS_SERVERNAME");
  if (servername !== undefined && isIP(servername) !== 0)
    problems.push(`${variable("TLS_SERVERNAME")}: must be a name that the certificate has, not an address`);
  const own = parseClientCertificate(source, file("TLS_CERT_FILE"), file("TLS_KEY_FILE"));
  problems.push(...own.problems);
  return {
    value: { ...own.value, ...(ca !== undefined && { ca }), ...(servername !== undefined && { servername }) },
    problems,
  };
}

function parseClientCertificate(
  { variable, given }: TlsSource,
  cert: string | undefined,
  key: string | undefined,
): Checked<ConnectionOptions> {
  const [certFile, keyFile] = [given("TLS_CERT_FILE"), given("TLS_KEY_FILE")];
  const [certName, keyName] = [variable("TLS_CERT_FILE"), variable("TLS_KEY_FILE")];
  if (certFile !== undefined && keyFile === undefined)
    return { value: {}, problems: [`${certName}: needs ${keyName}: a client certificate is both`] };
  if (certFile === undefined && keyFile !== undefined)
    return { value: {}, problems: [`${keyName}: needs ${certName}: a client certificate is both`] };
  // Not given, or not readable, which has been told.
  if (cert === undefined || key === undefined) return { value: {}, problems: [] };
  try {
    createSecureContext({ cert, key });
    return { value: { cert, key }, problems: [] };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const problem = `${certName}: is no certificate of ${keyName} (${reason}): write the paths of two PEM files, the key without a passphrase`;
    return { value: {}, problems: [problem] };
  }
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem) !== undefined;
  } catch {
    return false;
  }
}
