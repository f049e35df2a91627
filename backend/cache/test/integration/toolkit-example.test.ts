// docs/examples/toolkit.js runs, does what it says, and is what docs/use/toolkit.md shows.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "@jest/globals";
import { projectFile } from "../../../project-root.js";
import { example, FOLDER } from "../support/examples.js";

example("toolkit.js", async (app, { rows, warmer, monitor, cache }) => {
  const get = async (id: string, tenant = "acme") => {
    const { status, body } = await app.request(`/users/${id}`, { tenant });
    return status === 200 ? (JSON.parse(body) as { name: string; visits: number }) : status;
  };
  const send = (method: string, path: string, body: object) =>
    app.request(path, {
      method,
      tenant: "acme",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  const { done, failed } = await warmer.warm("profiles");
  assert.deepEqual([done, failed], [1, 0]);
  rows.set("acme/42", { id: "42", name: "changed behind the cache" });
  assert.deepEqual(await get("42"), { id: "42", name: "Ada", visits: 1 });
  assert.equal(await get("42", "other"), 404);
  await send("PUT", "/users/42", { name: "Grace" });
  assert.deepEqual(await get("42"), { id: "42", name: "Grace", visits: 2 });
  assert.equal(await get("7"), 404);
  await send("POST", "/imports", { id: "7", name: "Mary" });
  assert.deepEqual(await get("7"), { id: "7", name: "Mary", visits: 4 });
  assert.equal((await monitor.health()).connected, true);
  assert.ok((await cache.stats()).modules.users);
});

test("docs/use/toolkit.md shows the file that runs here, but for the import", () => {
  const page = readFileSync(projectFile("docs", "use", "toolkit.md"), "utf8");
  const block = [...page.matchAll(/```js\n(.*?)```/gs)].at(-1)?.[1];
  const file = readFileSync(`${FOLDER}/toolkit.js`, "utf8").replace(/^\/\/.*\n/, "");
  assert.equal(block, file);
});
