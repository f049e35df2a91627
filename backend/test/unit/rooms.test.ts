// "Where things live" in docs/internals/architecture.md holds: who imports whom, without circles and shared names.
import assert from "node:assert/strict";
import path from "node:path";
import { describe, test } from "@jest/globals";
import { circles, type Import, importsOf, RoomTable, readSource, sourceFiles } from "../support/rooms.js";

const files = sourceFiles();
const table = new RoomTable(readSource("docs/internals/architecture.md"), "Where things live");
const { rooms } = table;
const imports = files.flatMap((file) => importsOf(file, readSource(file)));
const isTest = (file: string) => /^backend\/(?:cache\/)?test\//.test(file);
const isFile = new Set(files);

describe("rooms", () => {
  test("each file has one, and no row is empty", () => {
    assert.deepEqual(
      files.filter((file) => table.roomOf(file) === undefined),
      [],
    );
    const lived = new Set(files.map((file) => table.roomOf(file)));
    assert.deepEqual(
      rooms.filter((room) => !lived.has(room)).map(({ paths }) => paths[0]),
      [],
    );
    assert.ok(rooms.length > 20, "the table was not found");
  });

  test("a row names rooms above it alone, each by a name that no other has", () => {
    for (const [index, { paths, mayImport }] of rooms.entries()) {
      for (const name of mayImport) {
        if (name.startsWith("express-tenant-cache")) continue;
        const named = table.named(name);
        assert.ok(
          name.endsWith("/") ? named.length > 1 : named.length === 1,
          `${paths[0]}: which is ${name}?`,
        );
        for (const room of named)
          assert.ok(rooms.indexOf(room) < index, `${paths[0]}: ${name} is not above it`);
      }
    }
  });

  test("nobody imports what the room's row does not name", () => {
    const ours = imports.filter(({ to }) => isFile.has(to) || to.startsWith("express-tenant-cache"));
    assert.deepEqual(table.notAllowed(ours).map(arrow), []);
  });

  test("a row names nothing that the room does not import", () => {
    assert.deepEqual(table.notNeeded(imports), []);
  });

  test("neither files nor folders beside each other import in circles", () => {
    // Tests may import all that they test, and nobody imports them: what they import makes no circle.
    assert.deepEqual(circles(imports.filter(({ from, to }) => !isTest(from) || isTest(to))), []);
  });

  test("two files that one reader meets together do not have one name", () => {
    const known = new Map<string, string[]>();
    // The face of a folder is named after that, and a test after what it tests.
    for (const file of files.filter((file) => !/\/index\.ts$|\.test\.ts$/.test(file)))
      known.set(path.posix.basename(file), [...(known.get(path.posix.basename(file)) ?? []), file]);
    const pairs = [...known.values()].flatMap((same) =>
      same.flatMap((file, index) => same.slice(index + 1).map((other) => ({ from: file, to: other }))),
    );
    const at = (file: string) => table.roomOf(file)?.paths[0];
    const met = new Set(imports.map(({ from, to }) => `${at(from)} ${at(to)}`));
    const confusing = pairs.filter(({ from, to }) => {
      const [one, other] = [at(from), at(to)];
      return one === other || met.has(`${one} ${other}`) || met.has(`${other} ${one}`);
    });
    assert.deepEqual(confusing.map(arrow), []);
  });
});

const arrow = ({ from, to }: Import) => `${from} > ${to}`;

describe("what the table is held against", () => {
  const page = [
    "## Where things live",
    "| folder | holds | may import |",
    "| --- | --- | --- |",
    "| `a/*.ts` | base | - |",
    "| `a/low/` | [link](x.md), `code` | `a/*.ts` |",
    "| `a/low/high/`, `a/top.ts` | | `a/*.ts`, `low`, `express-tenant-cache` |",
    "",
    "## Other",
    "| `b/` | | - |",
  ].join("\n");
  const small = new RoomTable(`\n${page}`, "Where things live");
  const found = (file: string, source: string) =>
    small.notAllowed(importsOf(file, source)).map(({ to }) => to);

  test("rows, and the one that says most of a file", () => {
    assert.equal(small.rooms.length, 3);
    const [base, low, high] = small.rooms;
    assert.deepEqual(
      ["a/x.ts", "a/low/x.ts", "a/low/high/x.ts", "a/top.ts", "b/x.ts"].map((file) => small.roomOf(file)),
      [base, low, high, high, undefined],
    );
    assert.throws(() => new RoomTable("\n## T\n| `a/` | | all of it |\n", "T"), /names in backticks/);
  });

  test("imports of every form", () => {
    const forms = [
      'import { a } from "./high/a.js";',
      'import type {\n  A,\n  B,\n} from "./high/b.js";',
      'export * from "./high/c.js";',
      'import "./high/d.js";',
      'const e = await import("./high/e.js");',
      'type F = import("./high/f.js").F;',
      'import fs from "node:fs";\nimport { g } from "../top.js";',
      'import { h } from "express-tenant-cache/engine";',
    ];
    const seen = found("a/low/x.ts", forms.join("\n"));
    const high = ["a", "b", "c", "d", "e", "f"].map((name) => `a/low/high/${name}.ts`);
    assert.deepEqual(seen, [...high, "a/top.ts", "express-tenant-cache/engine"]);
    assert.deepEqual(found("a/low/high/x.ts", 'import "../y.js";\nimport "express-tenant-cache";'), []);
    assert.deepEqual(found("a/x.ts", 'import "express-tenant-cache";'), ["express-tenant-cache"]);
  });

  test("names that nothing needs", () => {
    assert.deepEqual(small.notNeeded([{ from: "a/top.ts", to: "a/x.ts" }]), [
      "a/low/: a/*.ts",
      "a/low/high/: low",
      "a/low/high/: express-tenant-cache",
    ]);
  });

  test("circles of files, of folders, and of both", () => {
    const circle = (...edges: readonly (readonly [string, string])[]) =>
      circles(edges.map(([from, to]) => ({ from, to })));
    assert.deepEqual(circle(["a/x.ts", "a/y.ts"], ["a/y.ts", "a/z.ts"], ["a/x.ts", "a/z.ts"]), []);
    assert.deepEqual(circle(["a/x.ts", "a/y.ts"], ["a/y.ts", "a/z.ts"], ["a/z.ts", "a/x.ts"]), [
      "a: x.ts > y.ts > z.ts > x.ts",
    ]);
    // No file imports itself by way of others, but the folders do.
    assert.deepEqual(circle(["a/b/x.ts", "a/c/y.ts"], ["a/c/z.ts", "a/b/v.ts"]), ["a: b > c > b"]);
    assert.deepEqual(circle(["a/b/x.ts", "a/y.ts"], ["a/z.ts", "a/b/v.ts"]), []);
  });
});
