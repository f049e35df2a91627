// The queries of a module: list, count, find, insert, replace, delete. Each runs inside a tenant's transaction.
// Tests: test/http/crud.test.ts
import type { PoolClient } from "pg";
import type { ListFilter, ListQuery } from "./list-query.js";
import { orderClause, Parameters, selectList, whereClause } from "./list-sql.js";
import type { ModuleDefinition } from "./module-definition.js";

/** A record as responses show it. */
export type ModuleRecord = Readonly<Record<string, unknown>>;
/** What the module's document schema made of a body. */
export type ModuleDocument = Readonly<Record<string, unknown>>;

export class CrudRepository {
  readonly module: ModuleDefinition;
  readonly #join: string;
  readonly #select: string;

  constructor(module: ModuleDefinition) {
    this.module = module;
    this.#join = module.joined.join;
    this.#select = selectList(module);
  }

  async list(client: PoolClient, tenantId: string, query: ListQuery): Promise<ModuleRecord[]> {
    const { bind, values } = new Parameters();
    const where = whereClause(this.module, tenantId, query, bind);
    const { rows } = await client.query<ModuleRecord>(
      `SELECT ${this.#select} FROM ${this.module.name} t ${this.#join} WHERE ${where}
       ORDER BY ${orderClause(query.sort)} LIMIT ${bind(query.limit)} OFFSET ${bind(query.offset)}`,
      values,
    );
    return rows;
  }

  async count(client: PoolClient, tenantId: string, filter: ListFilter): Promise<number> {
    const { bind, values } = new Parameters();
    const where = whereClause(this.module, tenantId, filter, bind);
    const { rows } = await client.query<{ total: number }>(
      `SELECT count(*)::int AS total FROM ${this.module.name} t WHERE ${where}`,
      values,
    );
    return rows[0]?.total ?? 0;
  }

  async find(client: PoolClient, tenantId: string, id: string): Promise<ModuleRecord | undefined> {
    const { rows } = await client.query<ModuleRecord>(
      `SELECT ${this.#select} FROM ${this.module.name} t ${this.#join} WHERE t.tenant_id = $1 AND t.id = $2`,
      [tenantId, id],
    );
    return rows[0];
  }

  /** As {@link find}, and nobody else can change the record until the transaction ends. */
  async findLocked(client: PoolClient, tenantId: string, id: string): Promise<ModuleRecord | undefined> {
    const { rows } = await client.query<ModuleRecord>(
      `SELECT ${this.#select} FROM ${this.module.name} t ${this.#join} WHERE t.tenant_id = $1 AND t.id = $2
       FOR UPDATE OF t`,
      [tenantId, id],
    );
    return rows[0];
  }

  async insert(client: PoolClient, tenantId: string, document: ModuleDocument): Promise<ModuleRecord> {
    const { bind, values } = new Parameters();
    const columns = this.module.writableColumns;
    const placeholders = [bind(tenantId), ...columns.map((column) => bind(document[column]))];
    const written = await this.#written(
      client,
      `INSERT INTO ${this.module.name} (tenant_id, ${columns.join(", ")}) VALUES (${placeholders.join(", ")})`,
      values,
    );
    if (!written) throw new Error(`${this.module.name}: an insert returned no row`);
    return written;
  }

  /**
   * Replaces every writable column.
   * @returns `undefined` where there is no such record, or where it is frozen
   */
  async replace(
    client: PoolClient,
    tenantId: string,
    id: string,
    document: ModuleDocument,
  ): Promise<ModuleRecord | undefined> {
    const { bind, values } = new Parameters();
    const { name, writableColumns, frozenBy } = this.module;
    const assignments = writableColumns.map((column) => `${column} = ${bind(document[column])}`);
    const unfrozen = frozenBy ? `AND ${frozenBy.column} IS NULL` : "";
    return await this.#written(
      client,
      `UPDATE ${name} SET ${assignments.join(", ")}, updated_at = now()
       WHERE tenant_id = ${bind(tenantId)} AND id = ${bind(id)} ${unfrozen}`,
      values,
    );
  }

  /** @returns whether there was such a record */
  async delete(client: PoolClient, tenantId: string, id: string): Promise<boolean> {
    const result = await client.query(`DELETE FROM ${this.module.name} WHERE tenant_id = $1 AND id = $2`, [
      tenantId,
      id,
    ]);
    return result.rowCount === 1;
  }

  /** Writes and reads back in one statement, with the joined columns. */
  async #written(client: PoolClient, write: string, values: unknown[]): Promise<ModuleRecord | undefined> {
    const { rows } = await client.query<ModuleRecord>(
      `WITH t AS (${write} RETURNING *) SELECT ${this.#select} FROM t ${this.#join}`,
      values,
    );
    return rows[0];
  }
}
