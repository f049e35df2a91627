// The recipes of docs/examples/orm in applications of their users: each ORM as npm has it, real PostgreSQL, the packed library.
import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import pg from "pg";
import { projectFile } from "../../../project-root.js";
import { createTestDatabase, type TestDatabase } from "../../../servers/index.js";
import { createNpmProject, install, packLibrary } from "./npm.js";
import { ORM_ADAPTERS } from "./orm-adapters.js";
import { generatePrismaClient } from "./prisma-client.js";
import { isFull } from "./tools.js";

const SERVER = fileURLToPath(new URL("./orm-server.js", import.meta.url));
const MAIN = `import { serveOrders } from "./orm-server.js";
const { open } = await import(process.argv[2]);
await serveOrders(open);
`;

/** Prisma is 300 MB. */
const ADAPTERS = ORM_ADAPTERS.filter(({ name }) => isFull || name !== "Prisma");

describe("ORM hooks", () => {
  const project = createNpmProject();
  let url: string;
  let app: ChildProcess;

  beforeAll(async () => {
    const { file } = await packLibrary(project.folder);
    project.write("orm-server.js", readFileSync(SERVER, "utf8"));
    project.write("main.js", MAIN);
    const packages = new Set(ADAPTERS.flatMap((adapter) => adapter.packages));
    assert.equal(await install(project.folder, file, "express@5", ...packages), undefined);
    for (const { recipe, source, prismaModels } of ADAPTERS) {
      const text = readFileSync(projectFile("docs", "examples", "orm", `${recipe}.js`), "utf8");
      project.write(`${recipe}-recipe.js`, text);
      project.write(`${recipe}.js`, source.replace("./recipe.js", `./${recipe}-recipe.js`));
      if (prismaModels !== undefined) await generatePrismaClient(project, prismaModels);
    }
  });
  afterAll(() => project.remove());

  for (const { name, recipe } of ADAPTERS)
    describe(name, () => {
      let database: TestDatabase;

      beforeAll(async () => {
        database = await createTestDatabase();
        const client = new pg.Client(database.url);
        await client.connect();
        await client.query("CREATE TABLE orders (id serial PRIMARY KEY, title text NOT NULL)");
        await client.end();
        app = fork(path.join(project.folder, "main.js"), [`./${recipe}.js`], {
          env: { ...process.env, DATABASE_URL: database.url },
        });
        url = `http://127.0.0.1:${await said()}`;
      });
      afterAll(async () => {
        if (app.connected) app.send("end");
        await database.drop();
      });

      /** The next message of the app, which must not end before. */
      const said = async (): Promise<unknown> => {
        const [message] = await Promise.race([
          once(app, "message"),
          once(app, "exit").then(([code]) => assert.fail(`the app has ended with ${code}`)),
        ]);
        return message;
      };
      const ask = (method: string, to: string, body?: object) =>
        fetch(url + to, {
          method,
          headers: { "x-tenant": "acme", "content-type": "application/json" },
          ...(body && { body: JSON.stringify(body) }),
        });
      const list = async () => {
        const answer = await ask("GET", "/orders");
        const titles: string[] = [...JSON.parse(await answer.text())];
        return { titles, isHit: /; hit/.test(answer.headers.get("cache-status") ?? "") };
      };
      const known: string[] = [];
      /** Warm, and then changed: the next list shows it. */
      const changes = async (change: () => Promise<unknown>, after: readonly string[]) => {
        while (!(await list()).isHit);
        await change();
        known.splice(0, known.length, ...after);
        assert.deepEqual(await list(), { titles: [...after].sort(), isHit: false });
      };
      const succeeds = async (answer: Promise<Response>) =>
        assert.ok((await answer).ok, (await answer).statusText);

      test("what is created, changed and removed is in the next list", async () => {
        await changes(() => succeeds(ask("POST", "/orders", { title: "one" })), ["one"]);
        await changes(() => succeeds(ask("PUT", "/orders/one", { title: "renamed" })), ["renamed"]);
        await changes(() => succeeds(ask("DELETE", "/orders/renamed")), []);
      });

      test("a transaction: once it has committed; where it rolls back, lists stay hits", async () => {
        const two = (one: string, other: string, fail: boolean) => async () => {
          const answer = await ask("POST", "/two", { one, other, fail });
          assert.deepEqual(JSON.parse(await answer.text()), { failed: fail });
        };
        await changes(two("a", "b", false), ["a", "b"]);
        while (!(await list()).isHit);
        await two("c", "d", true)();
        assert.deepEqual(await list(), { titles: ["a", "b"], isHit: true });
      });

      test("a job, outside of any request", async () => {
        await succeeds(ask("POST", "/job"));
        await changes(async () => {
          app.send("work");
          assert.equal(await said(), "worked");
        }, [...known, "by a job"]);
      });
    });
});
