// `npm run audit -- witness` and `keygen`: a second process that refuses a fork, and keys.
// Tests: test/integration/audit-witness.test.ts, test/faults/audit-command.test.ts
import { randomBytes } from "node:crypto";
import type { AddressInfo } from "node:net";
import { readTextFile, withSecretFiles } from "../backend/config/secret-files.js";
import {
  parseSignerKey,
  parseVerifierKey,
  signerKey,
  signerKeyText,
  witnessKey,
} from "../backend/services/audit/signed-note.js";
import { Witness, witnessServer } from "../backend/services/audit/witness.js";
import { WitnessState } from "../backend/services/audit/witness-state.js";
import { EXIT, type Result } from "./audit/exit.js";

interface WitnessCommandOptions {
  readonly log?: readonly string[];
  readonly state?: string;
  readonly host?: string;
  readonly port?: number;
}

/** Runs until SIGTERM or SIGINT. */
export async function witness({
  log = [],
  state: file = "",
  host = "127.0.0.1",
  port = 0,
}: WitnessCommandOptions): Promise<Result> {
  const { value: env, problems } = withSecretFiles(process.env, ["AUDIT_WITNESS_KEY"], readTextFile);
  if (problems.length > 0) throw new Error(problems.join("\n"));
  if (!env.AUDIT_WITNESS_KEY)
    throw new Error(
      "AUDIT_WITNESS_KEY is not set: make a key with: npm run audit -- keygen <name> --witness",
    );
  const key = parseSignerKey(env.AUDIT_WITNESS_KEY);
  const state = await WitnessState.open(file);
  const server = witnessServer(new Witness({ key, logs: log.map(parseVerifierKey), state }), key);
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(port, host, resolve));
  const address = server.address() as AddressInfo;
  const url = `http://${host.includes(":") ? `[${host}]` : host}:${address.port}`;
  console.error(`witness: listening on ${url}; for AUDIT_WITNESSES: ${url}|${key.text}`);
  process.send?.({ type: "listening", port: address.port });
  await new Promise<void>((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => resolve());
  });
  await new Promise((resolve) => {
    server.close(resolve);
    server.closeIdleConnections();
  });
  await state.close();
  if (process.connected) process.disconnect();
  return { exitCode: EXIT.done, lines: [], data: { key: key.text } };
}

export async function keygen(name: string, options: object): Promise<Result> {
  const isWitness = "witness" in options;
  const seed = randomBytes(32);
  const key = isWitness ? witnessKey(name, seed) : signerKey(name, seed);
  const variable = isWitness ? "AUDIT_WITNESS_KEY" : "AUDIT_SIGNING_KEY";
  const lines = [`${variable}=${signerKeyText(key)}`, `verifier key: ${key.text}`];
  return { exitCode: EXIT.done, lines, data: { [variable]: signerKeyText(key), verifierKey: key.text } };
}
