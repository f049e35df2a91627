// docker-compose.yml as data: the one source of the servers' flags and images.
import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { projectFile } from "../../project-root.js";

export interface ComposeService {
  readonly container_name?: string;
  readonly image?: string;
  readonly command?: readonly string[];
  readonly user?: string;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly tmpfs?: readonly string[];
  readonly networks?: readonly string[];
  /** `null`: as the shell or .env has it. */
  readonly environment?: Readonly<Record<string, string | null>>;
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly healthcheck?: { readonly test: readonly string[] };
}

export interface ComposeFile {
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly networks: Readonly<Record<string, unknown>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

export function readComposeFile(): ComposeFile {
  return parse(readFileSync(projectFile("docker-compose.yml"), "utf8"), { merge: true }) as ComposeFile;
}

/** Flags that depend on where the server runs, which is not the same for a local process. */
const PLACE_FLAGS = ["--requirepass", "--dir", "--port", "--bind"];

/** The flags of a server in the compose file, without those that say where it runs. */
export function serverFlags(service: string): string[] {
  const command = readComposeFile().services[service]?.command;
  if (!command) throw new Error(`docker-compose.yml has no command for the service ${service}`);
  const flags = [...command.slice(1)];
  for (const name of PLACE_FLAGS) {
    const at = flags.indexOf(name);
    if (at !== -1) flags.splice(at, 2);
  }
  return flags;
}

export function imageOf(service: string): string {
  const image = readComposeFile().services[service]?.image;
  if (!image) throw new Error(`docker-compose.yml has no image for the service ${service}`);
  return image;
}

/**
 * An environment as Compose makes it of a service's: `NAME:` passes on what is given, and `${NAME-…}`, `${NAME:-…}`, `${NAME?…}` and
 * `${NAME:?…}` mean what they mean in a shell, one inside another.
 *
 * @throws Error with the text behind the question mark
 */
export function interpolated(
  environment: Readonly<Record<string, string | null>>,
  given: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const entries = Object.entries(environment).flatMap(([name, value]) => {
    const set = value === null ? given[name] : substituted(value, given);
    return set === undefined ? [] : [[name, set] as const];
  });
  return Object.fromEntries(entries);
}

const INNERMOST = /\$\{([A-Z_]+)(:?)([-?])([^${}]*)\}/;

function substituted(text: string, given: Readonly<Record<string, string | undefined>>): string {
  let result = text;
  for (let found = INNERMOST.exec(result); found; found = INNERMOST.exec(result)) {
    const [whole, name = "", colon, operator, rest = ""] = found;
    const value = given[name];
    const isMissing = value === undefined || (colon === ":" && value === "");
    if (isMissing && operator === "?") throw new Error(rest);
    result = result.replace(whole, () => (isMissing ? rest : value));
  }
  return result;
}
