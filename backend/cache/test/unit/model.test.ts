// The model of the protocol (backend/cache/model): no interleaving is stale, and each protection turned off is found.
// The search is a process of its own: in the context of a test, where each global is looked up anew, it takes several times as long.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { beforeAll, describe, test } from "@jest/globals";
import { projectFile } from "../../../project-root.js";
import { ABLATIONS, type Configuration, LIMITS, PROMISES, REMEDIES } from "../../model/configurations.js";
import { FEED_ABLATIONS, FEED_PROMISES } from "../../model/feed-settings.js";
import { search } from "../../model/search.js";
import { BASE } from "../../model/settings.js";

let rows: readonly string[];

beforeAll(async () => {
  const program = projectFile("dist/backend/cache/model/run.js");
  const { stdout } = await promisify(execFile)(process.execPath, [program]).catch(
    // It ends with 1 where a result is not the expected one.
    (error: { readonly stdout: string }) => error,
  );
  rows = stdout.split("\n");
});

function check({ name, holds, isLong }: Pick<Configuration, "name" | "holds" | "isLong">): void {
  if (isLong) return;
  test(`${name}: ${holds ? "never stale" : "a counterexample is found"}`, () => {
    const row = rows.find((each) => each.startsWith(`| ${name} | `));
    assert.match(
      row ?? "not searched",
      holds ? /\| never stale \|$/ : /\| stale after \d+ steps \|$/,
      rows.join("\n"),
    );
  });
}

describe("the model with every protection on", () => PROMISES.forEach(check));
describe("the model of the feed", () => FEED_PROMISES.forEach(check));
describe("the model of the feed with a protection off", () => FEED_ABLATIONS.forEach(check));
describe("the model beyond what is promised", () => LIMITS.forEach(check));
describe("the model with a protection off", () => ABLATIONS.forEach(check));
describe("the model with a remedy", () => REMEDIES.forEach(check));

test("a search that would be cut short throws instead of saying that nothing was found", () => {
  assert.throws(() => search(BASE, 100), /more than 100 states/);
});
