// Writes a service's records, and drops what shows them before the caller can answer.
import type { Pool, PoolClient } from "pg";
import { withTenant } from "../../db/tenant-transaction.js";
import { HttpProblem } from "../../http/problem.js";
import { explainingConstraints } from "../../modules/constraint-problems.js";
import { CrudRepository, type ModuleDocument, type ModuleRecord } from "../../modules/crud-repository.js";
import { noSuchRecord } from "../../modules/crud-routes.js";
import type { Change, ServiceRecords } from "./service.js";
import { touchDomains } from "./view.js";
import type { ViewCache } from "./view-cache.js";

export class RecordWriter {
  readonly #records: ServiceRecords;
  readonly #pool: Pool;
  readonly #views: ViewCache;
  readonly #repository: CrudRepository;

  constructor(records: ServiceRecords, pool: Pool, views: ViewCache) {
    this.#records = records;
    this.#pool = pool;
    this.#views = views;
    this.#repository = new CrudRepository(records.module);
  }

  /** @throws HttpProblem 404 where there is no such record */
  async read(tenantId: string, id: string): Promise<ModuleRecord> {
    return await withTenant(this.#pool, tenantId, (client) => this.#find(client, tenantId, id), {
      readOnly: true,
    });
  }

  async create(tenantId: string, document: ModuleDocument): Promise<ModuleRecord> {
    const { after } = await this.#write(tenantId, async (client) => ({
      after: await this.#repository.insert(client, tenantId, document),
    }));
    return after;
  }

  /** @throws HttpProblem 404 where there is no such record */
  async replace(tenantId: string, id: string, document: ModuleDocument): Promise<ModuleRecord> {
    const { after } = await this.#write(tenantId, async (client) => {
      const before = await this.#lock(client, tenantId, id);
      const replaced = await this.#repository.replace(client, tenantId, id, document);
      if (!replaced) throw noSuchRecord(this.#records.module.singular);
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

  /** Drops after COMMIT and before it resolves: a read that begins after the answer loads anew, and one that loads now is not stored. */
  async #write<Written extends Change>(
    tenantId: string,
    work: (client: PoolClient) => Promise<Written>,
  ): Promise<Written> {
    const { module, domains, touches } = this.#records;
    let change: Written;
    try {
      change = await explainingConstraints([module], () => withTenant(this.#pool, tenantId, work));
    } catch (error) {
      // A connection that is lost during COMMIT leaves open whether it took place.
      const refused = error instanceof HttpProblem && error.status < 500;
      if (!refused) await this.#views.drop(tenantId, touchDomains(...domains));
      throw error;
    }
    await this.#views.drop(tenantId, touches(change));
    return change;
  }

  /** The lock makes `before` what this change replaces: without it a change in between would move the record unseen. */
  async #lock(client: PoolClient, tenantId: string, id: string): Promise<ModuleRecord> {
    await client.query(
      `SELECT FROM ${this.#records.module.name} WHERE tenant_id = $1 AND id = $2 FOR UPDATE`,
      [tenantId, id],
    );
    return await this.#find(client, tenantId, id);
  }

  async #find(client: PoolClient, tenantId: string, id: string): Promise<ModuleRecord> {
    const record = await this.#repository.find(client, tenantId, id);
    if (!record) throw noSuchRecord(this.#records.module.singular);
    return record;
  }
}
