// docker-compose.yml as data: the one source of the servers' flags and images.
import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { projectFile } from "../project-root.js";

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
