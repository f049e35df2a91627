// How orders are read and written with each ORM: what a user of it would have, and one line for the cache.

export interface OrmAdapter {
  readonly name: string;
  /** The recipe of docs/examples/orm, without its ending. */
  readonly recipe: string;
  readonly packages: readonly string[];
  /** A module that exports `open(cache, databaseUrl)`. */
  readonly source: string;
  /** What Prisma's generator makes its client from. */
  readonly prismaModels?: string;
}

export const ORM_ADAPTERS: readonly OrmAdapter[] = [
  {
    name: "Knex",
    recipe: "knex",
    packages: ["knex@3", "pg@8"],
    source: `import createKnex from "knex";
import { touchedByKnex } from "./recipe.js";

export async function open(cache, connection) {
  const knex = createKnex({ client: "pg", connection });
  touchedByKnex(knex, cache, { orders: "orders" });
  return {
    list: () => knex("orders").select("title"),
    create: (title) => knex("orders").insert({ title }),
    rename: (from, title) => knex("orders").where({ title: from }).update({ title }),
    remove: (title) => knex("orders").where({ title }).del(),
    createTwo: (one, other, fail) =>
      cache.transaction(() =>
        knex.transaction(async (trx) => {
          await trx("orders").insert({ title: one });
          await trx("orders").insert({ title: other });
          if (fail) throw new Error("rolled back");
        }),
      ),
  };
}
`,
  },
  {
    name: "Sequelize",
    recipe: "sequelize",
    packages: ["sequelize@6", "pg@8"],
    source: `import { DataTypes, Sequelize } from "sequelize";
import { touchedBySequelize } from "./recipe.js";

export async function open(cache, url) {
  const sequelize = new Sequelize(url, { logging: false });
  const Order = sequelize.define("Order", { title: DataTypes.TEXT }, { tableName: "orders", timestamps: false });
  touchedBySequelize(sequelize, cache, { Order: "orders" });
  return {
    list: () => Order.findAll(),
    create: (title) => Order.create({ title }),
    rename: (from, title) => Order.update({ title }, { where: { title: from } }),
    remove: async (title) => (await Order.findOne({ where: { title } })).destroy(),
    createTwo: (one, other, fail) =>
      sequelize.transaction(async (transaction) => {
        await Order.create({ title: one }, { transaction });
        await Order.bulkCreate([{ title: other }], { transaction });
        if (fail) throw new Error("rolled back");
      }),
  };
}
`,
  },
  {
    name: "TypeORM",
    recipe: "typeorm",
    packages: ["typeorm@1", "pg@8"],
    source: `import { DataSource, EntitySchema } from "typeorm";
import { TouchedSubscriber } from "./recipe.js";

const Order = new EntitySchema({
  name: "Order",
  tableName: "orders",
  columns: { id: { type: Number, primary: true, generated: true }, title: { type: "text" } },
});

export async function open(cache, url) {
  const source = await new DataSource({ type: "postgres", url, entities: [Order] }).initialize();
  source.subscribers.push(new TouchedSubscriber(cache, { orders: "orders" }));
  const orders = source.getRepository(Order);
  return {
    list: () => orders.find(),
    create: (title) => orders.save({ title }),
    rename: (from, title) => orders.update({ title: from }, { title }),
    remove: async (title) => orders.remove(await orders.findOneByOrFail({ title })),
    createTwo: (one, other, fail) =>
      source.transaction(async (manager) => {
        await manager.save(Order, { title: one });
        await manager.insert(Order, { title: other });
        if (fail) throw new Error("rolled back");
      }),
  };
}
`,
  },
  {
    name: "Drizzle",
    recipe: "drizzle",
    packages: ["drizzle-orm@0.45", "pg@8"],
    source: `import { eq } from "drizzle-orm";
import { drizzle } from "drizzle-orm/node-postgres";
import { pgTable, serial, text } from "drizzle-orm/pg-core";
import { touchedByDrizzle } from "./recipe.js";

const orders = pgTable("orders", { id: serial(), title: text() });

export async function open(cache, url) {
  const db = touchedByDrizzle(drizzle(url), cache, { orders: "orders" });
  return {
    list: () => db.select().from(orders),
    // In a transaction, because it is also called by a job.
    create: (title) => db.transaction((tx) => tx.insert(orders).values({ title })),
    rename: (from, title) => db.update(orders).set({ title }).where(eq(orders.title, from)),
    remove: (title) => db.delete(orders).where(eq(orders.title, title)),
    createTwo: (one, other, fail) =>
      db.transaction(async (tx) => {
        await tx.insert(orders).values({ title: one });
        await tx.insert(orders).values({ title: other });
        if (fail) throw new Error("rolled back");
      }),
  };
}
`,
  },
  {
    name: "Prisma",
    recipe: "prisma",
    packages: ["prisma@7", "@prisma/client@7", "@prisma/adapter-pg@7"],
    prismaModels: `model Order {
  id    Int    @id @default(autoincrement())
  title String
  @@map("orders")
}
`,
    source: `import { PrismaPg } from "@prisma/adapter-pg";
import { PrismaClient } from "@prisma/client";
import { touchedByPrisma } from "./recipe.js";

export async function open(cache, connectionString) {
  const adapter = new PrismaPg({ connectionString });
  const prisma = new PrismaClient({ adapter }).$extends(touchedByPrisma(cache, { Order: "orders" }));
  return {
    list: () => prisma.order.findMany(),
    create: (title) => prisma.order.create({ data: { title } }),
    rename: (from, title) => prisma.order.updateMany({ where: { title: from }, data: { title } }),
    remove: (title) => prisma.order.deleteMany({ where: { title } }),
    createTwo: (one, other, fail) =>
      cache.transaction(() =>
        prisma.$transaction(async (tx) => {
          await tx.order.create({ data: { title: one } });
          await tx.order.create({ data: { title: other } });
          if (fail) throw new Error("rolled back");
        }),
      ),
  };
}
`,
  },
];
