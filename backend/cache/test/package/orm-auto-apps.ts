// How orders of a tenant are read with each ORM, by routes that name nothing: what a user of it would have, and `cache.track`.

export interface OrmAutoApp {
  readonly name: string;
  readonly file: string;
  readonly packages: readonly string[];
  /**
   * A module that exports `open(cache, databaseUrl)`: functions of a tenant that read orders, their accounts, and both in one transaction; and one that
   * creates an order.
   */
  readonly source: string;
}

export const ORM_AUTO_APPS: readonly OrmAutoApp[] = [
  {
    name: "Knex",
    file: "knex-auto.js",
    packages: ["knex@3", "pg@8"],
    source: `import createKnex from "knex";

export async function open(cache, connection) {
  const knex = cache.track(createKnex({ client: "pg", connection }));
  const orders = (db, tenant) => db("orders").where({ tenant_id: tenant }).select("title").orderBy("title");
  return {
    list: (tenant) => orders(knex, tenant),
    joined: (tenant) =>
      knex("orders as o")
        .join("accounts as a", (on) => on.on("a.id", "o.account_id").andOn("a.tenant_id", "o.tenant_id"))
        .where("o.tenant_id", tenant)
        .select("o.title", "a.name"),
    transacted: (tenant) => knex.transaction((trx) => orders(trx, tenant)),
    everybody: () => knex("orders").count(),
    create: (tenant, title) => knex("orders").insert({ tenant_id: tenant, title, account_id: 1 }),
  };
}
`,
  },
  {
    name: "Sequelize",
    file: "sequelize-auto.js",
    packages: ["sequelize@6", "pg@8"],
    source: `import { DataTypes, Sequelize } from "sequelize";

export async function open(cache, url) {
  const sequelize = cache.track(new Sequelize(url, { logging: false }));
  const text = DataTypes.TEXT;
  const options = { timestamps: false };
  const Account = sequelize.define("Account", { tenant_id: text, name: text }, { ...options, tableName: "accounts" });
  const Order = sequelize.define("Order", { tenant_id: text, title: text }, { ...options, tableName: "orders" });
  Order.belongsTo(Account, { foreignKey: "account_id" });
  const orders = (tenant, transaction) =>
    Order.findAll({ where: { tenant_id: tenant }, order: ["title"], attributes: ["title"], transaction });
  return {
    list: (tenant) => orders(tenant),
    joined: (tenant) =>
      Order.findAll({
        where: { tenant_id: tenant },
        attributes: ["title"],
        include: { model: Account, where: { tenant_id: tenant }, attributes: ["name"] },
      }),
    transacted: (tenant) => sequelize.transaction((transaction) => orders(tenant, transaction)),
    everybody: () => Order.count(),
    create: (tenant, title) => Order.create({ tenant_id: tenant, title, account_id: 1 }),
  };
}
`,
  },
  {
    name: "TypeORM",
    file: "typeorm-auto.js",
    packages: ["typeorm@1", "pg@8"],
    source: `import { DataSource, EntitySchema } from "typeorm";

const text = { type: "text" };
const id = { type: Number, primary: true, generated: true };
const Account = new EntitySchema({ name: "Account", tableName: "accounts", columns: { id, tenant_id: text, name: text } });
const Order = new EntitySchema({
  name: "Order",
  tableName: "orders",
  columns: { id, tenant_id: text, title: text },
  relations: { account: { type: "many-to-one", target: "Account", joinColumn: { name: "account_id" } } },
});

export async function open(cache, url) {
  const source = await new DataSource({ type: "postgres", url, entities: [Account, Order] }).initialize();
  cache.track(source);
  const orders = (manager, tenant) =>
    manager.find(Order, { where: { tenant_id: tenant }, order: { title: "ASC" }, select: { title: true } });
  return {
    list: (tenant) => orders(source.manager, tenant),
    joined: (tenant) =>
      source.getRepository(Order).find({
        where: { tenant_id: tenant, account: { tenant_id: tenant } },
        relations: { account: true },
      }),
    transacted: (tenant) => source.transaction((manager) => orders(manager, tenant)),
    everybody: () => source.getRepository(Order).count(),
    create: (tenant, title) => source.getRepository(Order).insert({ tenant_id: tenant, title, account: { id: 1 } }),
  };
}
`,
  },
  {
    name: "Drizzle",
    file: "drizzle-auto.js",
    packages: ["drizzle-orm@0.45", "pg@8"],
    source: `import { and, count, eq } from "drizzle-orm";
import { drizzle } from "drizzle-orm/node-postgres";
import { integer, pgTable, serial, text } from "drizzle-orm/pg-core";
import pg from "pg";

const accounts = pgTable("accounts", { id: serial(), tenant_id: text(), name: text() });
const orders = pgTable("orders", { id: serial(), tenant_id: text(), title: text(), account_id: integer() });

export async function open(cache, connectionString) {
  const db = drizzle(cache.track(new pg.Pool({ connectionString })));
  const own = (from, tenant) =>
    from.select({ title: orders.title }).from(orders).where(eq(orders.tenant_id, tenant)).orderBy(orders.title);
  const same = and(eq(accounts.id, orders.account_id), eq(accounts.tenant_id, orders.tenant_id));
  return {
    list: (tenant) => own(db, tenant),
    joined: (tenant) => db.select().from(orders).innerJoin(accounts, same).where(eq(orders.tenant_id, tenant)),
    transacted: (tenant) => db.transaction((tx) => own(tx, tenant)),
    everybody: () => db.select({ count: count() }).from(orders),
    create: (tenant, title) => db.insert(orders).values({ tenant_id: tenant, title, account_id: 1 }),
  };
}
`,
  },
  {
    name: "Kysely",
    file: "kysely-auto.js",
    packages: ["kysely@0.28", "pg@8", "pg-cursor@2"],
    source: `import { Kysely, PostgresDialect } from "kysely";
import pg from "pg";
import Cursor from "pg-cursor";

export async function open(cache, connectionString) {
  const pool = cache.track(new pg.Pool({ connectionString }));
  const db = new Kysely({ dialect: new PostgresDialect({ pool, cursor: Cursor }) });
  const own = (from, tenant) => from.selectFrom("orders").where("tenant_id", "=", tenant).select("title").orderBy("title");
  const streamed = async (query) => {
    const rows = [];
    for await (const row of query.stream()) rows.push(row);
    return rows;
  };
  return {
    list: (tenant) => streamed(own(db, tenant)),
    joined: (tenant) =>
      db
        .selectFrom("orders as o")
        .innerJoin("accounts as a", (on) => on.onRef("a.id", "=", "o.account_id").onRef("a.tenant_id", "=", "o.tenant_id"))
        .where("o.tenant_id", "=", tenant)
        .select(["o.title", "a.name"])
        .execute(),
    transacted: (tenant) => db.transaction().execute((trx) => own(trx, tenant).execute()),
    everybody: () => db.selectFrom("orders").select(db.fn.countAll().as("count")).execute(),
    // Its answer has a BigInt in it.
    create: async (tenant, title) => {
      await db.insertInto("orders").values({ tenant_id: tenant, title, account_id: 1 }).execute();
    },
  };
}
`,
  },
  {
    name: "Cursors and streams",
    file: "streams-auto.js",
    packages: ["pg@8", "pg-cursor@2", "pg-query-stream@4"],
    source: `import pg from "pg";
import Cursor from "pg-cursor";
import QueryStream from "pg-query-stream";

const OWN = "SELECT title FROM orders WHERE tenant_id = $1 ORDER BY title";
const JOINED =
  "SELECT o.title, a.name FROM orders o JOIN accounts a ON a.id = o.account_id AND a.tenant_id = o.tenant_id WHERE o.tenant_id = $1";

export async function open(cache, connectionString) {
  const pool = cache.track(new pg.Pool({ connectionString }));
  const during = async (work) => {
    const client = await pool.connect();
    try {
      return await work(client);
    } finally {
      client.release();
    }
  };
  const streamed = async (client, text, ...values) => {
    const rows = [];
    for await (const row of client.query(new QueryStream(text, values))) rows.push(row);
    return rows;
  };
  return {
    list: (tenant) => during((client) => streamed(client, OWN, tenant)),
    joined: (tenant) =>
      during(async (client) => {
        const cursor = client.query(new Cursor(JOINED, [tenant]));
        const rows = await cursor.read(100);
        await cursor.close();
        return rows;
      }),
    transacted: (tenant) =>
      during(async (client) => {
        await client.query("BEGIN");
        const rows = await streamed(client, OWN, tenant);
        await client.query("COMMIT");
        return rows;
      }),
    everybody: () => during((client) => streamed(client, "SELECT count(*) FROM orders")),
    create: (tenant, title) =>
      pool.query("INSERT INTO orders (tenant_id, title, account_id) VALUES ($1, $2, 1)", [tenant, title]),
  };
}
`,
  },
  {
    name: "Prisma",
    file: "prisma-auto.js",
    packages: ["prisma@7", "@prisma/client@7", "@prisma/adapter-pg@7", "pg@8"],
    source: `import { PrismaPg } from "@prisma/adapter-pg";
import { PrismaClient } from "@prisma/client";
import pg from "pg";

export async function open(cache, connectionString) {
  const pool = cache.track(new pg.Pool({ connectionString }));
  const prisma = new PrismaClient({ adapter: new PrismaPg(pool) });
  const own = (tenant) => ({ where: { tenant_id: tenant }, orderBy: { title: "asc" } });
  return {
    list: (tenant) => prisma.order.findMany(own(tenant)),
    joined: (tenant) =>
      prisma.$queryRaw\`SELECT o.title, a.name FROM orders o JOIN accounts a ON a.id = o.account_id AND a.tenant_id = o.tenant_id WHERE o.tenant_id = \${tenant}\`,
    transacted: (tenant) => prisma.$transaction((tx) => tx.order.findMany(own(tenant))),
    everybody: () => prisma.order.count(),
    create: (tenant, title) => prisma.order.create({ data: { tenant_id: tenant, title, account_id: 1 } }),
  };
}
`,
  },
];

/** For Prisma's generator. */
export const PRISMA_MODELS = `model Order {
  id         Int    @id @default(autoincrement())
  tenant_id  String
  title      String
  account_id Int
  @@map("orders")
}
`;
