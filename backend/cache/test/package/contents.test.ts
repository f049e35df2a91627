// What `npm pack` packs, and how publint and Are The Types Wrong judge it.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { projectFile } from "../../../project-root.js";
import { brokenLinks, type Place, SHOWN_AT } from "../../../servers/page-links.js";
import { createNpmProject, packLibrary, type Tarball } from "./npm.js";

/** Of other packages: relative ones begin with a dot. */
const IMPORTS = /^import .*?from "([^".][^"]*)"/gm;
// 14,000 of them are the store contract with the types of its page.
const MAX_TARBALL_BYTES = 229_000;
const manifest = JSON.parse(readFileSync(projectFile("backend", "cache", "package.json"), "utf8"));

describe("the packed library", () => {
  const project = createNpmProject();
  let tarball: Tarball;
  let data: Uint8Array<ArrayBuffer>;

  beforeAll(async () => {
    tarball = await packLibrary(project.folder);
    data = new Uint8Array(readFileSync(tarball.file));
  });
  afterAll(() => project.remove());

  test("holds compiled code, types and documents, and nothing else", () => {
    const documents = ["CHANGELOG.md", "LICENSE", "README.md", "docs/error-codes.md", "package.json"];
    const others = tarball.contents.filter((file) => !/^dist\/[\w/-]+\.(js|d\.ts)$/.test(file));
    assert.deepEqual(others.sort(), documents.sort());
  });

  test("its pages link to what is packed, or to the repository", () => {
    const packed = createPackageFromTarballData(data);
    const inPackage = (file: string) => `/node_modules/${manifest.name}/${file}`;
    const place: Place = {
      has: (file) => packed.fileExists(inPackage(file)),
      read: (file) => packed.readFile(inPackage(file)),
    };
    const pages = tarball.contents.filter((file) => file.endsWith(".md"));
    assert.ok(pages.includes("README.md") && pages.includes("docs/error-codes.md"));
    for (const page of pages) assert.deepEqual(brokenLinks(page, place), [], page);
  });

  test("says where its sources and its issues are", () => {
    const { homepage, bugs, repository, author } = manifest;
    assert.ok(author);
    assert.equal(repository.directory, "backend/cache");
    for (const url of [homepage, bugs]) assert.ok(url.startsWith(SHOWN_AT), url);
  });

  test("has a declaration beside every module", () => {
    const modules = tarball.contents.filter((file) => file.endsWith(".js"));
    assert.ok(modules.includes("dist/index.js"));
    const lacking = modules.filter((file) => !tarball.contents.includes(file.replace(/\.js$/, ".d.ts")));
    assert.deepEqual(lacking, []);
  });

  test(`is smaller than ${MAX_TARBALL_BYTES} bytes`, () => {
    assert.ok(tarball.size < MAX_TARBALL_BYTES, `${tarball.size} bytes`);
  });

  test("publint finds nothing", async () => {
    const { messages } = await publint({
      pack: { tarball: data.buffer },
      level: "warning",
      strict: true,
    });
    assert.deepEqual(
      messages.map((message) => formatMessage(message, manifest)),
      [],
    );
  });

  test("its types resolve as its code does", async () => {
    const result = await checkPackage(createPackageFromTarballData(data));
    assert.ok(result.types, "no types were found");
    // CommonJS resolves to ESM, which every supported Node loads with `require`.
    const wrong = result.problems
      .filter(({ kind }) => kind !== "CJSResolvesToESM")
      // The oldest way to resolve, gone from TypeScript 7, reads no `exports` and so finds no subpath.
      .filter((problem) => problem.kind !== "NoResolution" || problem.resolutionKind !== "node10");
    assert.deepEqual(wrong, []);
  });

  test("the store contract needs no test runner: it imports Node, and zod for its options", () => {
    const modules = tarball.contents.filter((file) => /^dist\/testing\/store-contract\/.*\.js$/.test(file));
    assert.ok(modules.length > 5, "the contract was not found");
    const imported = modules.flatMap((file) =>
      [...readFileSync(projectFile("backend", "cache", file), "utf8").matchAll(IMPORTS)].map(
        ([, name]) => name,
      ),
    );
    const others = imported.filter((name) => !name?.startsWith("node:"));
    assert.deepEqual([...new Set(others)], ["zod"]);
  });

  test("takes the Node that the repository takes", () => {
    const { engines } = JSON.parse(readFileSync(projectFile("package.json"), "utf8"));
    assert.deepEqual(manifest.engines, engines);
  });

  test("imports its dependencies and Node, and depends on nothing that it does not import", () => {
    const imported = tarball.contents
      .filter((file) => file.endsWith(".js"))
      .flatMap((file) => [...readFileSync(projectFile("backend", "cache", file), "utf8").matchAll(IMPORTS)])
      .map(([, name = ""]) => name);
    const packages = new Set(imported.filter((name) => !name.startsWith("node:")));
    assert.deepEqual([...packages].sort(), Object.keys(manifest.dependencies).sort());
  });
});
