// What a witness remembers: the last checkpoint of each log, in a file that is appended and synchronised before it answers.
// Tests: test/integration/audit-witness.test.ts
import { existsSync, readFileSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { type Checkpoint, checkpointText, parseCheckpoint } from "./signed-note.js";

export class WitnessState {
  readonly #latest = new Map<string, Checkpoint>();
  readonly #file: FileHandle;

  private constructor(file: FileHandle, known: readonly Checkpoint[]) {
    this.#file = file;
    for (const checkpoint of known) this.#latest.set(checkpoint.origin, checkpoint);
  }

  /** Of one process at a time: a second one would not hear of what the first has cosigned. */
  static async open(path: string): Promise<WitnessState> {
    const lines = existsSync(path) ? readFileSync(path, "utf8").split("\n") : [];
    // A line that a crash tore was never answered for.
    const known = lines.flatMap((line) => parseLine(line) ?? []);
    return new WitnessState(await open(path, "a"), known);
  }

  get(origin: string): Checkpoint | undefined {
    return this.#latest.get(origin);
  }

  /** Resolves once it is durable. */
  async put(checkpoint: Checkpoint): Promise<void> {
    // What a full disk left of a line before is no part of this one.
    await this.#file.appendFile(`\n${JSON.stringify(checkpointText(checkpoint))}\n`);
    await this.#file.sync();
    this.#latest.set(checkpoint.origin, checkpoint);
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

function parseLine(line: string): Checkpoint | undefined {
  try {
    return parseCheckpoint(String(JSON.parse(line)));
  } catch {
    return undefined;
  }
}
