// Places of checkpoints: durable, append-only, and told apart where two trees have one size.
import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { describe, test } from "@jest/globals";
import { afterTest } from "../../servers/in-test.js";
import { CheckpointFiles } from "../../services/audit/checkpoint-file.js";
import { CheckpointObjects } from "../../services/audit/checkpoint-objects.js";
import {
  CheckpointFork,
  type CheckpointPlace,
  entryLine,
  type PlaceEntry,
  type Publication,
  parseEntry,
  sizeOf,
} from "../../services/audit/checkpoint-place.js";
import { leafHash } from "../../services/audit/merkle.js";
import { FolderObjectStore } from "../../services/audit/object-store.js";
import { checkpointText, signerKey, signNote } from "../../services/audit/signed-note.js";
import { TENANT } from "../support/audit-database.js";

const key = signerKey("crm.example/audit", Buffer.alloc(32, 1));

function publication(size: number, root = leafHash(`${size}`)): Publication {
  return {
    size,
    note: signNote(checkpointText({ origin: "crm.example/audit/t", size, root }), key),
    leaves: async function* (from) {
      yield { from, leaves: Buffer.alloc(32 * (size - from), size) };
    },
  };
}

async function entries(place: CheckpointPlace): Promise<PlaceEntry[]> {
  const all: PlaceEntry[] = [];
  for await (const entry of place.read(TENANT)) all.push(entry);
  return all;
}

const PLACES = [
  ["files", (folder: string) => new CheckpointFiles(folder)],
  ["objects", (folder: string) => new CheckpointObjects(new FolderObjectStore(folder))],
] as const;

for (const [name, open] of PLACES)
  describe(name, () => {
    const folderOf = () => {
      const folder = mkdtempSync(path.join(os.tmpdir(), "audit-place-"));
      afterTest(() => rmSync(folder, { recursive: true, force: true }));
      return path.join(folder, "below");
    };

    test("what is published is read back, by others too, each with the leaves that are new", async () => {
      const folder = folderOf();
      const [one, other] = [open(folder), open(folder)];
      assert.equal(await one.latest(TENANT), undefined);
      assert.deepEqual(await entries(one), []);
      await one.publish(TENANT, publication(3));
      assert.equal(sizeOf(await other.latest(TENANT)), 3);
      await other.publish(TENANT, publication(5));
      assert.equal(sizeOf(await one.latest(TENANT)), 5);
      const told = (await entries(open(folder))).map((entry) =>
        "note" in entry ? sizeOf(entry.note) : `${entry.from}+${entry.leaves.length / 32}`,
      );
      assert.deepEqual(told, ["0+3", 3, "3+2", 5]);
      assert.equal(await one.latest("bbbbbbbb-0000-4000-8000-000000000002"), undefined);
    });
  });

describe("files", () => {
  test("a process that publishes late does not hide the larger checkpoint", async () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), "audit-place-"));
    afterTest(() => rmSync(folder, { recursive: true, force: true }));
    const files = new CheckpointFiles(folder);
    await files.publish(TENANT, publication(9));
    appendFileSync(files.fileOf(TENANT), entryLine({ note: publication(4).note }));
    assert.equal(sizeOf(await files.latest(TENANT)), 9);
    // The half of a line that another process writes just now is read when it is whole.
    const line = entryLine({ note: publication(12).note });
    appendFileSync(files.fileOf(TENANT), line.slice(0, 20));
    assert.equal(sizeOf(await files.latest(TENANT)), 9);
    appendFileSync(files.fileOf(TENANT), line.slice(20));
    assert.equal(sizeOf(await files.latest(TENANT)), 12);
  });

  test("lines are ASCII, and what is none is passed over", () => {
    const { note } = publication(1);
    assert.match(entryLine({ note }), /^[ -~]+\n$/);
    assert.deepEqual(parseEntry(entryLine({ note })), { note });
    for (const bad of [
      "",
      "{",
      "1",
      "null",
      "[]",
      "{}",
      '{"from":0}',
      '{"from":0,"leaves":"AAAA"}',
      '{"note":1}',
    ])
      assert.equal(parseEntry(bad), undefined, bad);
  });
});

describe("objects", () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "audit-objects-"));

  test("a key that has an object keeps it; of many who put at once, one does", async () => {
    afterTest(() => rmSync(folder, { recursive: true, force: true }));
    const store = new FolderObjectStore(folder);
    const put = await Promise.all(
      Array.from({ length: 20 }, (_, n) => store.putIfAbsent("a/b", Buffer.from(`${n}`))),
    );
    const winner = put.indexOf(true);
    assert.equal(put.filter(Boolean).length, 1);
    assert.equal((await store.get("a/b"))?.toString(), `${winner}`);
    assert.equal(await store.get("a/c"), undefined);
    // Nothing half-written stays.
    assert.deepEqual([...readdirSync(path.join(folder, "a"))], ["b"]);
    for (const name of ["10", "9", "2"]) await store.putIfAbsent(`a/x${name}`, Buffer.alloc(1));
    const keys: string[] = [];
    for await (const each of store.list("a/x", "a/x10")) keys.push(each);
    assert.deepEqual(keys, ["a/x2", "a/x9"]);
  });

  test("the same tree twice is one checkpoint; another tree of the same size is a fork", async () => {
    afterTest(() => rmSync(folder, { recursive: true, force: true }));
    const place = new CheckpointObjects(new FolderObjectStore(folder));
    await place.publish(TENANT, publication(3));
    await new CheckpointObjects(new FolderObjectStore(folder)).publish(TENANT, publication(3));
    await assert.rejects(place.publish(TENANT, publication(3, leafHash("other"))), CheckpointFork);
  });
});
