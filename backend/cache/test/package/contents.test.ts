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
const REQUIRES = /\brequire\("([^".][^"]*)"\)/g;
// 14,000 of them are the store contract with the types of its page, 10,000 what is for Nest and for clients of node-redis, 12,000 metrics and telemetry,
// 26,000 explanations and causes, 24,000 advice and reservations, 58,000 the console, of which 24,000 are its script with uPlot, 15,000 the operations
// route, 45,000 the command line with its help, 64,000 the feed and read leases, of which 24,000
// are what handlers are seen to read.
const MAX_TARBALL_BYTES = 548_000;
const manifest = JSON.parse(readFileSync(projectFile("backend", "cache", "package.json"), "utf8"));

describe("the packed library", () => {
  const project = createNpmProject();
  let tarball: Tarball;
  let data: Uint8Array<ArrayBuffer>;

  let packed: ReturnType<typeof createPackageFromTarballData>;
  const packedText = (file: string) => packed.readFile(`/node_modules/${manifest.name}/${file}`);

  beforeAll(async () => {
    tarball = await packLibrary(project.folder);
    data = new Uint8Array(readFileSync(tarball.file));
    packed = createPackageFromTarballData(data);
  });
  afterAll(() => project.remove());

  test("holds compiled code, types and documents, and nothing else", () => {
    const documents = ["CHANGELOG.md", "LICENSE", "README.md", "docs/error-codes.md", "package.json"];
    // Says that what is in `dist` is CommonJS.
    const type = "dist/package.json";
    const others = tarball.contents.filter((file) => !/^dist\/[\w/-]+\.(m?js|d\.m?ts)$/.test(file));
    assert.deepEqual(others.sort(), [...documents, type].sort());
  });

  test("its pages link to what is packed, or to the repository", () => {
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

  test("each entry point has code and types for both ways to load it, and the code is one", () => {
    const modules = new Set<string>();
    for (const [name, targets] of Object.entries<Record<string, Record<string, string>>>(manifest.exports)) {
      if (name === "./package.json") continue;
      for (const condition of ["import", "require"]) {
        const { types = "", default: code = "" } = targets[condition] ?? {};
        for (const file of [types, code]) {
          assert.ok(tarball.contents.includes(file.replace("./", "")), `${name}, ${condition}: ${file}`);
          if (file.endsWith(".mjs")) modules.add(file.replace("./", ""));
        }
      }
    }
    // Whatever else were ESM would be loaded beside its twin.
    const esm = tarball.contents.filter((file) => file.endsWith(".mjs"));
    assert.deepEqual(esm.sort(), [...modules].sort());
    for (const file of esm) {
      const statements = packedText(file)
        .replace(/^\/\/.*\n/gm, "")
        .trim();
      assert.equal(statements, 'export * from "./index.js";', file);
    }
  });

  test("no path asks where its file lies, which bundlers and Jest cannot tell it", () => {
    for (const file of tarball.contents.filter((each) => /\.m?js$/.test(each)))
      assert.doesNotMatch(packedText(file), /import\.meta|createRequire|__dirname|__filename/, file);
  });

  test(`is smaller than ${MAX_TARBALL_BYTES} bytes`, () => {
    assert.ok(tarball.size < MAX_TARBALL_BYTES, `${tarball.size} bytes`);
  });

  test("no public type leads to the engine's own: a function that takes one of its classes says @internal", () => {
    const declared = tarball.contents.filter((file) => file.endsWith(".d.ts"));
    assert.ok(declared.length > 50, "the declarations were not found");
    // Beside types that users read.
    const known = ["dist/engine/counters.d.ts", "dist/engine/events.d.ts"];
    const inside = declared.filter(
      (file) => /^dist\/engine\//.test(file) && /\bclass \w/.test(packedText(file)) && !known.includes(file),
    );
    assert.deepEqual(inside, []);
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
    const result = await checkPackage(packed);
    assert.ok(result.types, "no types were found");
    assert.deepEqual(result.problems, []);
  });

  test("the store contract needs no test runner: it imports Node, and zod for its options", () => {
    const modules = tarball.contents.filter((file) => /^dist\/testing\/store-contract\/.*\.js$/.test(file));
    assert.ok(modules.length > 5, "the contract was not found");
    const imported = modules.flatMap((file) =>
      [...packedText(file).matchAll(REQUIRES)].map(([, name]) => name),
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
      .flatMap((file) => [...packedText(file).matchAll(REQUIRES)])
      .map(([, name = ""]) => name);
    const packages = new Set(imported.filter((name) => !name.startsWith("node:")));
    // Where something needs them, and of which nothing is loaded before.
    const peers = [
      "@nestjs/common",
      "@nestjs/core",
      "@opentelemetry/api",
      "ioredis",
      "libpg-query",
      "light-my-request",
      "prom-client",
      "rxjs",
    ];
    assert.deepEqual([...packages].sort(), [...Object.keys(manifest.dependencies), ...peers].sort());
  });
});
