// AUDIT_…: what signs the audit trail's checkpoints, and where they are published.
// Tests: test/unit/config-audit.test.ts
import path from "node:path";
import type { Checked, Environment } from "./secret-files.js";

export interface AuditConfig {
  /** `PRIVATE+KEY+name+id+base64`. */
  readonly signingKey: string;
  /** Verifier keys of signing keys that were used before. */
  readonly formerKeys: readonly string[];
  readonly checkpointFolder: string | undefined;
  readonly objectFolder: string | undefined;
  readonly witnesses: readonly { readonly url: string; readonly key: string }[];
  /** How often a tree that has grown is signed, at least. */
  readonly checkpointSeconds: number;
}

/** Signs checkpoints when AUDIT_SIGNING_KEY is not set; public, so production refuses it. */
export const DEVELOPMENT_AUDIT_KEY =
  "PRIVATE+KEY+development-only.invalid/audit+f0353e6a+Afu5iha9Upp0QiMaebu8m8ibxsvz0IDlFk5q1NN9NFBs";

export const AUDIT_VARIABLES = [
  "AUDIT_SIGNING_KEY",
  "AUDIT_FORMER_KEYS",
  "AUDIT_CHECKPOINT_DIR",
  "AUDIT_OBJECT_DIR",
  "AUDIT_WITNESSES",
  "AUDIT_CHECKPOINT_SECONDS",
] as const;
export const AUDIT_SECRETS = ["AUDIT_SIGNING_KEY"] as const;

const DEFAULT_CHECKPOINT_SECONDS = 15;
const MAX_CHECKPOINT_SECONDS = 30;
const HOW = "make one with: npm run audit -- keygen <name>";

/** @param isOverlayOn without the overlay nothing is recorded, and a key that nobody uses need not be good */
export function auditFrom(
  env: Environment,
  { isOverlayOn }: { readonly isOverlayOn: boolean },
): Checked<AuditConfig> {
  const given = (name: (typeof AUDIT_VARIABLES)[number]) => env[name] || undefined;
  const problems: string[] = [];
  const signingKey = given("AUDIT_SIGNING_KEY");
  if (signingKey !== undefined && !isKey(signingKey, "PRIVATE+KEY+"))
    problems.push(`AUDIT_SIGNING_KEY: is no signing key; ${HOW}`);
  const isDevelopment = signingKey === DEVELOPMENT_AUDIT_KEY || (signingKey === undefined && isOverlayOn);
  if (env.NODE_ENV === "production" && isDevelopment)
    problems.push(`AUDIT_SIGNING_KEY: production needs a key of its own; ${HOW}`);
  const folders = (["AUDIT_CHECKPOINT_DIR", "AUDIT_OBJECT_DIR"] as const).map((name) => {
    const folder = given(name);
    return folder === undefined ? undefined : path.resolve(folder);
  });
  if (env.NODE_ENV === "production" && isOverlayOn && folders.every((folder) => folder === undefined))
    problems.push(
      "AUDIT_CHECKPOINT_DIR: production needs a place for checkpoints that the database's role cannot write (this, or AUDIT_OBJECT_DIR)",
    );
  const formerKeys = listOf(given("AUDIT_FORMER_KEYS"));
  if (!formerKeys.every((key) => isKey(key, "")))
    problems.push("AUDIT_FORMER_KEYS: write verifier keys (<name>+<id>+<base64>), separated by commas");
  const witnesses = listOf(given("AUDIT_WITNESSES")).map((text) => {
    const [url = "", key = ""] = text.split("|");
    return { url, key };
  });
  if (!witnesses.every(({ url, key }) => /^https?:\/\//.test(url) && URL.canParse(url) && isKey(key, "")))
    problems.push("AUDIT_WITNESSES: write <url>|<verifier key> of each witness, separated by commas");
  const seconds = Number(given("AUDIT_CHECKPOINT_SECONDS") ?? DEFAULT_CHECKPOINT_SECONDS);
  if (!(Number.isInteger(seconds) && seconds >= 1 && seconds <= MAX_CHECKPOINT_SECONDS))
    problems.push(`AUDIT_CHECKPOINT_SECONDS: must be a whole number from 1 to ${MAX_CHECKPOINT_SECONDS}`);
  return {
    value: {
      signingKey: signingKey ?? DEVELOPMENT_AUDIT_KEY,
      formerKeys,
      checkpointFolder: folders[0],
      objectFolder: folders[1],
      witnesses,
      checkpointSeconds: seconds,
    },
    problems,
  };
}

/** Where `npm start` publishes, beside the database of its own: its commands look there, too. Nothing where another place is named. */
export function checkpointsIn(folder: string, env: Environment): { readonly AUDIT_CHECKPOINT_DIR?: string } {
  if (env.AUDIT_CHECKPOINT_DIR || env.AUDIT_OBJECT_DIR) return {};
  return { AUDIT_CHECKPOINT_DIR: path.join(folder, "audit-checkpoints") };
}

const listOf = (text: string | undefined): string[] =>
  (text ?? "").split(/[\s,]+/).filter((part) => part !== "");

/** As far as its form goes: what it is, the audit trail says when it opens it. */
function isKey(text: string, prefix: string): boolean {
  const [, encoded = ""] =
    (text.startsWith(prefix)
      ? /^[^\s+]+\+[0-9a-f]{8}\+([A-Za-z0-9+/]+=*)$/u.exec(text.slice(prefix.length))
      : null) ?? [];
  return Buffer.from(encoded, "base64").length === 33;
}
