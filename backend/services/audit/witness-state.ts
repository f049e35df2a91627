// What a witness remembers: the last checkpoint of each log, in a file that is appended and synchronised before it answers.
// Tests: test/integration/audit-witness.test.ts
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { type Checkpoint, checkpointText, parseCheckpoint } from "./signed-note.js";

export class WitnessState {
  readonly #latest = new Map<string, Checkpoint>();
  readonly #file: FileHandle;
  readonly #unlock: () => void;

  private constructor(file: FileHandle, known: readonly Checkpoint[], unlock: () => void) {
    this.#file = file;
    this.#unlock = unlock;
    for (const checkpoint of known) this.#latest.set(checkpoint.origin, checkpoint);
  }

  /**
   * Of one process at a time: a second one would not hear of what the first has cosigned.
   * @throws Error where another process has it
   */
  static async open(path: string): Promise<WitnessState> {
    const unlock = lockFor(path);
    const lines = existsSync(path) ? readFileSync(path, "utf8").split("\n") : [];
    // A line that a crash tore was never answered for.
    const known = lines.flatMap((line) => parseLine(line) ?? []);
    return new WitnessState(await open(path, "a"), known, unlock);
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
    this.#unlock();
  }
}

/** A file beside it with the process's id; that of a process which is gone is nobody's. */
function lockFor(path: string): () => void {
  const lock = `${path}.lock`;
  for (let attempt = 0; ; attempt++) {
    try {
      writeFileSync(lock, String(process.pid), { flag: "wx" });
      return () => rmSync(lock, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      const holder = Number(readFileSync(lock, "utf8"));
      if (attempt > 0 || isAlive(holder))
        throw new Error(
          `${path} is the memory of a witness that runs (process ${holder}; its lock is ${lock})`,
        );
      rmSync(lock, { force: true });
    }
  }
}

function isAlive(processId: number): boolean {
  try {
    return processId > 0 && process.kill(processId, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

function parseLine(line: string): Checkpoint | undefined {
  try {
    return parseCheckpoint(String(JSON.parse(line)));
  } catch {
    return undefined;
  }
}
