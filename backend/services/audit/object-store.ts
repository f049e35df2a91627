// An object store as checkpoints need one, and a folder that behaves like it.
// Tests: test/unit/checkpoint-places.test.ts
import { randomUUID } from "node:crypto";
import { link, mkdir, open, readdir, readFile, rm } from "node:fs/promises";
import path from "node:path";

/**
 * What S3 (`PutObject` with `If-None-Match: *`) and its like do. Objects are never changed: give the process a role that may neither
 * overwrite nor delete, and the bucket a retention (S3 Object Lock).
 */
export interface ObjectStore {
  /** `false` where the key has an object, which stays. Resolves once it is durable. */
  putIfAbsent(key: string, body: Buffer): Promise<boolean>;
  get(key: string): Promise<Buffer | undefined>;
  /** Keys that begin with the prefix, in ascending order, those behind `after` alone. */
  list(prefix: string, after?: string): AsyncIterable<string>;
}

/** Keys are paths below a folder. */
export class FolderObjectStore implements ObjectStore {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async putIfAbsent(key: string, body: Buffer): Promise<boolean> {
    const target = path.join(this.#folder, key);
    const folder = path.dirname(target);
    await mkdir(folder, { recursive: true });
    // A name that list() leaves out: an object is there as a whole, or not at all.
    const temporary = path.join(folder, `.${randomUUID()}`);
    try {
      const file = await open(temporary, "wx");
      try {
        await file.writeFile(body);
        await file.sync();
      } finally {
        await file.close();
      }
      // Unlike rename, it refuses a name that is taken.
      await link(temporary, target);
      const opened = await open(folder, "r");
      await opened.sync().finally(() => opened.close());
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
      throw error;
    } finally {
      await rm(temporary, { force: true });
    }
  }

  async get(key: string): Promise<Buffer | undefined> {
    try {
      return await readFile(path.join(this.#folder, key));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
  }

  async *list(prefix: string, after = ""): AsyncGenerator<string, void, undefined> {
    const folder = path.posix.dirname(`${prefix}x`);
    let names: string[] = [];
    try {
      names = await readdir(path.join(this.#folder, folder));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
    const keys = names.filter((name) => !name.startsWith(".")).map((name) => path.posix.join(folder, name));
    yield* keys.filter((key) => key.startsWith(prefix) && key > after).sort();
  }
}
