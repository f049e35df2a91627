// ORMs whose statements are seen by `cache.track`, as their users have them: each as npm has it, real PostgreSQL, the packed library.
import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import pg from "pg";
import { createTestDatabase, type TestDatabase } from "../../../servers/index.js";
import { until } from "../../../servers/until.js";
import { untilHit } from "../support/until-hit.js";
import { createNpmProject, install, packLibrary } from "./npm.js";
import { ORM_AUTO_APPS, PRISMA_MODELS } from "./orm-auto-apps.js";
import { generatePrismaClient } from "./prisma-client.js";
import { isFull } from "./tools.js";

const SERVER = fileURLToPath(new URL("./orm-auto-server.js", import.meta.url));
const MAIN = `import { serveReads } from "./orm-auto-server.js";
const { open } = await import(process.argv[2]);
await serveReads(open);
`;
const TABLES = `
  CREATE TABLE accounts (id serial PRIMARY KEY, tenant_id text NOT NULL, name text NOT NULL);
  CREATE TABLE orders (id serial PRIMARY KEY, tenant_id text NOT NULL, title text NOT NULL, account_id int NOT NULL);
  INSERT INTO accounts (tenant_id, name) VALUES ('acme', 'Example Ltd');
  INSERT INTO orders (tenant_id, title, account_id) VALUES ('acme', 'one', 1), ('other', 'two', 1);
`;
/** Behind the feed's bound. */
const PAST_MS = 300;

/** Prisma is 300 MB. */
const APPS = ORM_AUTO_APPS.filter(({ name }) => isFull || name !== "Prisma");

describe("ORMs whose statements are seen", () => {
  const project = createNpmProject();

  beforeAll(async () => {
    const { file } = await packLibrary(project.folder);
    project.write("orm-auto-server.js", readFileSync(SERVER, "utf8"));
    project.write("main.js", MAIN);
    const packages = new Set(APPS.flatMap((app) => app.packages));
    assert.equal(await install(project.folder, file, "express@5", "libpg-query@18", ...packages), undefined);
    for (const { file: name, source } of APPS) project.write(name, source);
    if (isFull) await generatePrismaClient(project, PRISMA_MODELS);
  });
  afterAll(() => project.remove());

  for (const { name, file } of APPS)
    describe(name, () => {
      let app: ChildProcess;
      let database: TestDatabase;
      let client: pg.Client;
      let url: string;

      beforeAll(async () => {
        database = await createTestDatabase();
        client = new pg.Client(database.url);
        await client.connect();
        await client.query(TABLES);
        app = fork(path.join(project.folder, "main.js"), [`./${file}`], {
          env: { ...process.env, DATABASE_URL: database.url },
        });
        const ended = once(app, "exit").then(([code]) => assert.fail(`the app has ended with ${code}`));
        const [port] = await Promise.race([once(app, "message"), ended]);
        url = `http://127.0.0.1:${port}`;
      });
      afterAll(async () => {
        if (app.connected) app.send("end");
        await client.end();
        await database.drop();
      });

      const read = async (route: string) => {
        const answer = await fetch(`${url}/${route}`, { headers: { "x-tenant": "acme" } });
        return { body: await answer.text(), status: answer.headers.get("cache-status") ?? "" };
      };
      const warm = (route: string) => untilHit(route, () => read(route));

      test.each([
        ["list", "UPDATE orders SET title = 'changed' WHERE tenant_id = 'acme'", "changed"],
        ["joined", "UPDATE accounts SET name = 'Renamed Ltd' WHERE tenant_id = 'acme'", "Renamed Ltd"],
        ["transacted", "INSERT INTO orders (tenant_id, title, account_id) VALUES ('acme', 'new', 1)", "new"],
      ])("%s: psql changes a row, and the next one shows it", async (route, sql, shown) => {
        // Where the drain comes late its token has ended, and a miss is right: then once more.
        await until(`${route} outlives another tenant's change`, async () => {
          await warm(route);
          await client.query("UPDATE orders SET title = title WHERE tenant_id = 'other'");
          await delay(PAST_MS);
          return /hit/.test((await read(route)).status);
        });
        await client.query(sql);
        await delay(PAST_MS);
        const { body, status } = await read(route);
        assert.match(status, /fwd=miss/);
        assert.ok(body.includes(shown), body);
      });

      test("rows of all tenants, and a GET that writes, are not stored, and say why", async () => {
        await warm("list");
        assert.match((await read("everybody")).status, /detail=all-tenants/);
        assert.match((await read("visit")).status, /detail=writing/);
      });
    });
});
