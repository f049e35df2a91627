// Writes the records of a module, and tells of the change before the caller can answer.
// Tests: test/http/service-cascades.test.ts, test/http/crud.test.ts
import type { Pool, PoolClient } from "pg";
import { withTenant } from "../db/tenant-transaction.js";
import { conflict, HttpProblem, notFound } from "../http/problem.js";
import { explainingConstraints } from "./constraint-problems.js";
import { CrudRepository, type ModuleDocument, type ModuleRecord } from "./crud-repository.js";
import type { ModuleDefinition } from "./module-definition.js";
import type { Change, ChangeListener } from "./record-changes.js";

export const noSuchRecord = (singular: string) => notFound(`There is no ${singular} with this id.`);

export class RecordWriter {
  readonly #module: ModuleDefinition;
  readonly #pool: Pool;
  readonly #listener: ChangeListener;
  readonly #repository: CrudRepository;

  constructor(module: ModuleDefinition, pool: Pool, listener: ChangeListener) {
    this.#module = module;
    this.#pool = pool;
    this.#listener = listener;
    this.#repository = new CrudRepository(module);
  }

  /** @throws HttpProblem 404 where there is no such record */
  async read(tenantId: string, id: string): Promise<ModuleRecord> {
    const record = await withTenant(
      this.#pool,
      tenantId,
      (client) => this.#repository.find(client, tenantId, id),
      { readOnly: true },
    );
    if (!record) throw noSuchRecord(this.#module.singular);
    return record;
  }

  /**
   * @param also what else has to happen in the same transaction
   * @throws HttpProblem 409 or 400 where a constraint refuses
   */
  async create(
    tenantId: string,
    document: ModuleDocument,
    also: (client: PoolClient, record: ModuleRecord) => Promise<void> = async () => {},
  ): Promise<ModuleRecord> {
    const { after } = await this.#write(tenantId, async (client) => {
      const created = await this.#repository.insert(client, tenantId, document);
      await also(client, created);
      return { after: created };
    });
    return after;
  }

  /** @throws HttpProblem 404 where there is no such record; 409 where it is frozen; 409 or 400 where a constraint refuses */
  async replace(tenantId: string, id: string, document: ModuleDocument): Promise<ModuleRecord> {
    const { after } = await this.#write(tenantId, async (client) => {
      const before = await this.#lock(client, tenantId, id);
      const replaced = await this.#repository.replace(client, tenantId, id, document);
      if (!replaced) throw conflict(this.#module.frozenBy?.detail ?? "");
      return { before, after: replaced };
    });
    return after;
  }

  /** @throws HttpProblem 404 where there is no such record */
  async delete(tenantId: string, id: string): Promise<void> {
    await this.#write(tenantId, async (client) => {
      const before = await this.#lock(client, tenantId, id);
      await this.#repository.delete(client, tenantId, id);
      return { before };
    });
  }

  /** Tells after COMMIT and before it resolves: a read that begins after the answer loads anew, and one that loads now is not stored. */
  async #write<Written extends Change>(
    tenantId: string,
    work: (client: PoolClient) => Promise<Written>,
  ): Promise<Written> {
    let change: Written;
    try {
      change = await explainingConstraints([this.#module], () => withTenant(this.#pool, tenantId, work));
    } catch (error) {
      // A connection that is lost during COMMIT leaves open whether it took place.
      const refused = error instanceof HttpProblem && error.status < 500;
      if (!refused) await this.#listener.changedSomehow(tenantId, this.#module.name);
      throw error;
    }
    await this.#listener.changed(tenantId, this.#module.name, change);
    return change;
  }

  /** The lock makes `before` what this change replaces: without it a change in between would move the record unseen. */
  async #lock(client: PoolClient, tenantId: string, id: string): Promise<ModuleRecord> {
    const record = await this.#repository.findLocked(client, tenantId, id);
    if (!record) throw noSuchRecord(this.#module.singular);
    return record;
  }
}
