// docs/examples/apollo.js in a project of its user: Apollo Server and its integration for Express as npm has them, the packed library.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { projectFile } from "../../../project-root.js";
import { createNpmProject, install, packLibrary } from "./npm.js";
import { isFull, runIn } from "./tools.js";

/** Prints `Cache-Status` and data of each request, and how often a resolver has run by then. */
const MAIN = `import { once } from "node:events";
import { app, cache, runs } from "./apollo.js";
const server = app.listen(0, "127.0.0.1");
await once(server, "listening");
const url = "http://127.0.0.1:" + server.address().port + "/graphql";
const NAMED = "query Named($id: ID!) { name(id: $id) }";
const seen = [];
for (const [query, id, tenant] of [
  [NAMED, "1", "acme"], [NAMED, "1", "acme"], [NAMED, "2", "acme"], [NAMED, "1", "other"],
  ["query { name }", "1", "acme"], [NAMED, "1", "acme"],
  ['mutation { rename(id: "1", name: "Ada") }', "1", "acme"],
  [NAMED, "1", "acme"], [NAMED, "1", "other"],
]) {
  const headers = { "content-type": "application/json", "x-tenant": tenant };
  const response = await fetch(url, { method: "POST", headers, body: JSON.stringify({ query, variables: { id } }) });
  const { data } = await response.json();
  await cache.idle();
  const status = response.headers.get("cache-status").replace("express-tenant-cache; ", "").replace(/; ttl=.*/, "");
  seen.push([status, Object.values(data ?? {})[0] ?? null, runs.queries]);
}
console.log(JSON.stringify(seen));
process.exit();
`;
const leftOut = isFull ? "" : " (left out: TEST_PACKAGE=full runs it)";

(isFull ? describe : describe.skip)(`Apollo Server${leftOut}`, () => {
  const project = createNpmProject();
  let missing: string | undefined;
  beforeAll(async () => {
    const { file } = await packLibrary(project.folder);
    project.write("apollo.js", readFileSync(projectFile("docs", "examples", "apollo.js"), "utf8"));
    project.write("main.js", MAIN);
    const apollo = ["@apollo/server@5", "@as-integrations/express5@1", "graphql@16", "express@5"];
    missing = await install(project.folder, file, ...apollo);
  });
  afterAll(() => project.remove());

  test("queries are hits by tenant and body, and a mutation invalidates its tenant's", async () => {
    if (missing) assert.fail(missing);
    assert.deepEqual(JSON.parse(await runIn(project, process.execPath, ["main.js"])), [
      ["fwd=miss; stored", "nobody", 1],
      ["hit", "nobody", 1],
      ["fwd=miss; stored", "nobody", 2],
      ["fwd=miss; stored", "nobody", 3],
      ["fwd=miss; detail=status", null, 3],
      ["hit", "nobody", 3],
      ["fwd=bypass; detail=skipped", "Ada", 3],
      ["fwd=miss; stored", "Ada", 4],
      ["hit", "nobody", 4],
    ]);
  });
});
