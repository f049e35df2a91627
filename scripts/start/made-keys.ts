// Keys of data about persons for `npm start`: made once, beside the database that they belong to.
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";

/**
 * The two variables, for a database in this folder; nothing where the operator has set one of them.
 * @param folder as `npm start -- --data` names it
 */
export function subjectKeysIn(folder: string, env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const names = ["SUBJECT_WRAPPING_KEYS", "SUBJECT_WRAPPING_KEYS_FILE", "SUBJECT_SECRETS_FOLDER"];
  if (names.some((name) => env[name])) return {};
  const file = path.join(folder, "subject-wrapping-keys");
  mkdirSync(folder, { recursive: true });
  if (!existsSync(file))
    writeFileSync(file, `first:${randomBytes(32).toString("base64")}\n`, { mode: 0o600, flag: "wx" });
  return { SUBJECT_WRAPPING_KEYS_FILE: file, SUBJECT_SECRETS_FOLDER: path.join(folder, "subject-secrets") };
}
