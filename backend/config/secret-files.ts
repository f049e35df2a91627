// Secrets from files (Docker and Kubernetes secrets): what stands in the file of NAME_FILE is the value of NAME.
// Tests: test/unit/config-secrets.test.ts
import { readFileSync } from "node:fs";

export type Environment = Readonly<Record<string, string | undefined>>;
/** Throws as `readFileSync` does. */
export type ReadFile = (path: string) => string;

export const readTextFile: ReadFile = (path) => readFileSync(path, "utf8");

/**
 * A value, with what is wrong about it: one line each, which begins with the variable's name and never
 * repeats a value.
 */
export interface Checked<T> {
  readonly value: T;
  readonly problems: readonly string[];
}

/**
 * Takes the values of `names` from their files, where these are named. The end of a file's last line is no
 * part of a value.
 */
export function withSecretFiles(
  env: Environment,
  names: readonly string[],
  readFile: ReadFile,
): Checked<Environment> {
  const problems: string[] = [];
  const values: Record<string, string | undefined> = { ...env };
  for (const name of names) {
    const path = env[`${name}_FILE`];
    if (!path) continue;
    if (env[name]) {
      problems.push(`${name}_FILE: set either ${name} or ${name}_FILE, not both`);
      continue;
    }
    const { value, problems: unreadable } = contentOf(`${name}_FILE`, path, readFile);
    problems.push(...unreadable);
    values[name] = value?.trim();
    if (value?.trim() === "") problems.push(`${name}_FILE: the file is empty`);
  }
  return { value: values, problems };
}

/** The file that the variable names. */
export function contentOf(variable: string, path: string, readFile: ReadFile): Checked<string | undefined> {
  try {
    return { value: readFile(path), problems: [] };
  } catch (error) {
    const code = error instanceof Error ? (Reflect.get(error, "code") ?? error.message) : error;
    const problem = `${variable}: cannot be read (${String(code)}): write the path of a file that this process may read`;
    return { value: undefined, problems: [problem] };
  }
}
