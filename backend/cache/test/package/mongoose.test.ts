// The recipe for Mongoose on Mongoose's own middleware. There is no MongoDB: a hook before each query skips the call of the server,
// by Mongoose's `skipMiddlewareFunction`, and what is the model's own (save, insertMany, bulkWrite) is only looked up.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { projectFile } from "../../../project-root.js";
import { createToolProject, runIn, type ToolProject } from "./tools.js";

/** Prints how often the cache was told of each operation, and which of the model's own have a hook. */
const MAIN = `import mongoose from "mongoose";
import { touchedByMongoose } from "./recipe.js";

let told = 0;
const cache = { touched: async (module) => { if (module === "orders") told++; } };
const schema = new mongoose.Schema({ title: String });
const skipped = ["updateOne", "updateMany", "replaceOne", "deleteOne", "deleteMany", "find", "findOne", "countDocuments",
  "findOneAndUpdate", "findOneAndReplace", "findOneAndDelete"];
for (const name of skipped) schema.pre(name, async () => { throw mongoose.skipMiddlewareFunction({}); });
schema.plugin(touchedByMongoose, { cache, module: "orders" });
const Order = mongoose.model("Order", schema);
const id = "64b000000000000000000000";
const one = () => Order.hydrate({ _id: id, title: "old" });
const seen = {};
for (const [name, run] of Object.entries({
  updateOne: () => Order.updateOne({}, { title: "new" }),
  updateMany: () => Order.updateMany({}, { title: "new" }),
  replaceOne: () => Order.replaceOne({}, { title: "new" }),
  deleteOne: () => Order.deleteOne({}),
  deleteMany: () => Order.deleteMany({}),
  findOneAndUpdate: () => Order.findOneAndUpdate({}, { title: "new" }),
  findByIdAndUpdate: () => Order.findByIdAndUpdate(id, { title: "new" }),
  findOneAndReplace: () => Order.findOneAndReplace({}, { title: "new" }),
  findOneAndDelete: () => Order.findOneAndDelete({}),
  findByIdAndDelete: () => Order.findByIdAndDelete(id),
  "document.deleteOne": () => one().deleteOne(),
  "document.updateOne": () => one().updateOne({ title: "new" }),
  find: () => Order.find({}),
  findById: () => Order.findById(id),
  countDocuments: () => Order.countDocuments({}),
})) {
  told = 0;
  await run();
  seen[name] = told;
}
const hooks = schema.s.hooks;
const own = ["save", "insertMany", "bulkWrite"].filter((name) => (hooks._posts.get(name) ?? []).length > 0);
console.log(JSON.stringify({ seen, own }));
process.exit();
`;

describe("the recipe for Mongoose", () => {
  let project: ToolProject;
  beforeAll(async () => {
    project = await createToolProject("module");
    project.write("recipe.js", readFileSync(projectFile("docs", "examples", "orm", "mongoose.js"), "utf8"));
    project.write("main.js", MAIN);
  });
  afterAll(() => project.remove());

  test("what changes something tells the cache once, what reads does not", async () => {
    if (project.missing) assert.fail(project.missing);
    const { seen, own } = JSON.parse(await runIn(project, process.execPath, ["main.js"]));
    const changes = Object.keys(seen).filter((name) => !/^(find|findById|countDocuments)$/.test(name));
    assert.equal(changes.length, 12);
    for (const [name, told] of Object.entries(seen)) assert.equal(told, Number(changes.includes(name)), name);
    assert.deepEqual(own, ["save", "insertMany", "bulkWrite"]);
  });
});
