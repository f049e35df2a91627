// SUBJECT_WRAPPING_KEYS and SUBJECT_SECRETS_FOLDER: the local key provider of data about subjects.
// Tests: test/unit/config-secrets.test.ts
import path from "node:path";
import { type Encryption, parseEncryptionKeys } from "./encryption-keys.js";
import type { Checked, Environment } from "./secret-files.js";

export interface SubjectKeys {
  /** The first wraps, each of them unwraps. */
  readonly keys: Encryption["keys"];
  readonly folder: string;
}

/** `undefined` where neither is set. */
export function subjectKeysFrom(env: Environment): Checked<SubjectKeys | undefined> {
  const { value, problems } = parseEncryptionKeys("SUBJECT_WRAPPING_KEYS", env.SUBJECT_WRAPPING_KEYS);
  const folder = env.SUBJECT_SECRETS_FOLDER?.trim() || undefined;
  if (problems.length > 0) return { value: undefined, problems };
  if (value && folder) return { value: { keys: value.keys, folder: path.resolve(folder) }, problems: [] };
  if (value) {
    return {
      value: undefined,
      problems: [
        "SUBJECT_SECRETS_FOLDER: is required beside SUBJECT_WRAPPING_KEYS: a folder that all processes share, and no backup keeps",
      ],
    };
  }
  if (folder)
    return {
      value: undefined,
      problems: ["SUBJECT_SECRETS_FOLDER: says nothing without SUBJECT_WRAPPING_KEYS"],
    };
  return { value: undefined, problems: [] };
}
