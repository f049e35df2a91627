// TLS for test servers: one certificate, signed by itself, that servers and clients show each other. It is for the name localhost alone.
import { readFileSync } from "node:fs";
import { projectFile } from "../project-root.js";

export const CERT_FILE = projectFile("backend/servers/tls/name-cert.pem");
export const KEY_FILE = projectFile("backend/servers/tls/key.pem");

/** What a client needs: servers refuse those that show no certificate. */
export const clientTls = () => ({
  ca: readFileSync(CERT_FILE),
  cert: readFileSync(CERT_FILE),
  key: readFileSync(KEY_FILE),
  servername: "localhost",
});

/**
 * Flags of a server whose only port speaks TLS, also to its replicas and to the other nodes of its Cluster.
 */
export const tlsFlags = (port: number): string[] => [
  ...["--port", "0", "--tls-port", String(port)],
  ...["--tls-cert-file", CERT_FILE, "--tls-key-file", KEY_FILE, "--tls-ca-cert-file", CERT_FILE],
  ...["--tls-replication", "yes", "--tls-cluster", "yes"],
];
