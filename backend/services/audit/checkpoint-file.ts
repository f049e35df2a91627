// Checkpoints in files, one for each tenant: appended, and synchronised with the disk before anybody hears of it.
// Tests: test/unit/checkpoint-places.test.ts
import { createReadStream } from "node:fs";
import { mkdir, open } from "node:fs/promises";
import path from "node:path";
import {
  type CheckpointPlace,
  type PlaceEntry,
  type Publication,
  parseEntry,
  publicationLines,
  sizeOf,
} from "./checkpoint-place.js";

/** What has been read of a file: others append to it, too. */
interface Position {
  bytes: number;
  note: string | undefined;
}

export class CheckpointFiles implements CheckpointPlace {
  readonly name = "file";
  readonly #folder: string;
  readonly #read = new Map<string, Position>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  fileOf(tenantId: string): string {
    return path.join(this.#folder, `${tenantId.toLowerCase()}.checkpoints.jsonl`);
  }

  async latest(tenantId: string): Promise<string | undefined> {
    const position = this.#read.get(tenantId) ?? { bytes: 0, note: undefined };
    for await (const { line, bytes } of this.#lines(tenantId, position.bytes)) {
      position.bytes = bytes;
      const entry = parseEntry(line);
      if (entry && "note" in entry && sizeOf(entry.note) >= sizeOf(position.note)) position.note = entry.note;
    }
    this.#read.set(tenantId, position);
    return position.note;
  }

  async publish(tenantId: string, publication: Publication): Promise<void> {
    const from = sizeOf(await this.latest(tenantId));
    await mkdir(this.#folder, { recursive: true });
    const file = await open(this.fileOf(tenantId), "a");
    try {
      // What a crash tore is no part of the next line.
      await file.appendFile("\n");
      for await (const line of publicationLines(publication, from)) await file.appendFile(line);
      await file.sync();
    } finally {
      await file.close();
    }
    // The file's name is durable with its folder alone.
    const folder = await open(this.#folder, "r");
    await folder.sync().finally(() => folder.close());
  }

  async *read(tenantId: string): AsyncGenerator<PlaceEntry, void, undefined> {
    for await (const { line } of this.#lines(tenantId, 0)) {
      const entry = parseEntry(line);
      if (entry) yield entry;
    }
  }

  /** Whole lines from a position on, each with where it ends: what another process is writing just now is read later. */
  async *#lines(tenantId: string, start: number) {
    let bytes = start;
    let rest = "";
    try {
      // Lines are ASCII: no character is split between two chunks.
      for await (const chunk of createReadStream(this.fileOf(tenantId), { start, encoding: "latin1" })) {
        const lines = (rest + String(chunk)).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) {
          bytes += line.length + 1;
          yield { line, bytes };
        }
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  }
}
