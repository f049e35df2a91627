// Changes a module through the API and proves that the next read shows it, and that only this tenant's entries went.
import type { ApiClient, ListAnswer } from "./api-client.js";
import { type Check, check, notChecked } from "./check.js";
import { readUntilHit } from "./measure.js";

export interface FreshnessOptions {
  readonly client: ApiClient;
  /** A client of another tenant, or why there is none. */
  readonly other: ApiClient | string;
  readonly module: string;
  /** A valid body for POST. */
  readonly document: Readonly<Record<string, unknown>>;
  /** A list that shows new records first. */
  readonly path: string;
}

/** Leaves no record behind, also where a request fails half-way. */
export async function checkFreshness(options: FreshnessOptions): Promise<Check[]> {
  const { client, module, document, path } = options;
  const other = new OtherTenant(options.other, path);
  const warmed = await readUntilHit(client, path);
  await other.warm();

  const id = await client.create(module, document);
  let deleted = false;
  try {
    const afterCreate = await client.list(path);
    await other.readAfter("POST");
    // The entry that DELETE has to invalidate is one that shows the record.
    const warmedAgain = await readUntilHit(client, path);
    await client.delete(module, id);
    deleted = true;
    const afterDelete = await client.list(path);
    await other.readAfter("DELETE");
    const cachedAgain = await readUntilHit(client, path);
    return [
      check(
        "the read after POST is fresh",
        !warmed && "the list was not cached before",
        isHit(afterCreate),
        !afterCreate.body.includes(id) && "the new record is missing",
      ),
      check(
        "the read after DELETE is fresh",
        !warmedAgain && "the list was not cached before",
        isHit(afterDelete),
        afterDelete.body.includes(id) && "the deleted record is still there",
      ),
      check("the list is cached again", !cachedAgain && "repeated reads are no hits"),
      other.check(),
    ];
  } finally {
    if (!deleted) await client.delete(module, id);
  }
}

function isHit(answer: ListAnswer): string | false {
  return answer.cache === "hit" && "it is a hit";
}

/** Reads the same list as another tenant; its entry has to survive this tenant's changes. */
class OtherTenant {
  readonly #client: ApiClient | string;
  readonly #path: string;
  readonly #problems: string[] = [];

  constructor(client: ApiClient | string, path: string) {
    this.#client = client;
    this.#path = path;
  }

  async warm(): Promise<void> {
    if (typeof this.#client === "string") return;
    if (!(await readUntilHit(this.#client, this.#path)))
      this.#problems.push("its list was not cached before");
  }

  async readAfter(change: string): Promise<void> {
    if (typeof this.#client === "string") return;
    const { cache } = await this.#client.list(this.#path);
    if (cache !== "hit") this.#problems.push(`after ${change} its read was "${cache}"`);
  }

  check(): Check {
    const name = "another tenant's entry survives";
    return typeof this.#client === "string" ? notChecked(name, this.#client) : check(name, ...this.#problems);
  }
}
