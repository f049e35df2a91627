// The offline verifier's own arithmetic against what others have published, apart from the backend's.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, describe, test } from "@jest/globals";
import {
  type Growing,
  hashesOf,
  hashOfLeaf,
  isConsistent,
  publicKeyOf,
  pushLeaf,
  rootOf,
  rootOfInclusion,
  signedTree,
} from "../../../scripts/audit/offline-proofs.js";
import { verifyBundle } from "../../../scripts/audit/offline-verifier.js";
import { leafHash } from "../../services/audit/merkle.js";
import { checkpointText, signerKey, signNote } from "../../services/audit/signed-note.js";
import { NOTES, REAL_CHECKPOINT } from "../support/note-vectors.js";
import { CONSISTENCY_PROOFS, INCLUSION_PROOFS, LEAVES, ROOTS, wrongProofs } from "../support/tree-vectors.js";

const rootAt = (size: number) => ROOTS[size] as Buffer;

describe("published vectors", () => {
  // All but the last two are no text; hashes of leaves are the same function.
  test("roots of 1 to 8 leaves", () => {
    assert.deepEqual(hashOfLeaf(""), rootAt(1));
    const tree: Growing = { leaves: 0, roots: [] };
    for (const [index, leaf] of LEAVES.entries()) {
      pushLeaf(tree, leafHash(leaf));
      assert.deepEqual(rootOf(tree), rootAt(index + 1));
      assert.equal(tree.leaves, index + 1);
    }
  });

  test("inclusion, and nothing that is like it", () => {
    for (const { index, size, proof } of INCLUSION_PROOFS) {
      const leaf = leafHash(LEAVES[index] as Buffer);
      assert.deepEqual(rootOfInclusion(index, size, leaf, proof), rootAt(size));
      for (const wrong of wrongProofs(proof, rootAt(size)))
        assert.notDeepEqual(rootOfInclusion(index, size, leaf, wrong), rootAt(size));
      for (const [otherIndex, otherSize] of [
        [index + 1, size],
        [index - 1, size],
        [index ^ 2, size],
        [index, size * 2],
        [size, size],
      ] as const)
        assert.notDeepEqual(rootOfInclusion(otherIndex, otherSize, leaf, proof), rootAt(size));
    }
  });

  test("consistency, and nothing that is like it", () => {
    const tree = (size: number, root = rootAt(size)) => ({ origin: "o", size, root });
    for (const { oldSize, size, proof } of CONSISTENCY_PROOFS) {
      assert.ok(isConsistent(tree(oldSize), tree(size), proof));
      for (const wrong of wrongProofs(proof, rootAt(size)))
        assert.ok(!isConsistent(tree(oldSize), tree(size), wrong));
      assert.ok(!isConsistent(tree(oldSize, rootAt(0)), tree(size), proof));
      assert.ok(!isConsistent(tree(oldSize), tree(size, rootAt(0)), proof));
      if (oldSize < size) assert.ok(!isConsistent(tree(size), tree(oldSize), proof));
    }
  });

  test("notes of others, and of a log and witnesses that run", () => {
    for (const { key, note } of NOTES) {
      // They are signed, and are no checkpoints.
      assert.throws(() => signedTree(note, [publicKeyOf(key)]), /a note is no checkpoint/);
      assert.throws(() => signedTree(note.replace("a", "b"), [publicKeyOf(key)]), /not signed by/);
    }
    const { note, keys, origin, size } = REAL_CHECKPOINT;
    for (const key of keys.map(publicKeyOf)) {
      const tree = signedTree(note, [key]);
      assert.deepEqual([tree.origin, tree.size], [origin, size]);
      assert.throws(() => signedTree(note.replace(`${size}`, "42"), [key]), /not signed by/);
    }
    const [key = ""] = keys;
    for (const bad of ["", "x", key.slice(1), key.replace("+A", "+B"), key.slice(0, -4)])
      assert.throws(() => publicKeyOf(bad), /a verifier key is written/);
    assert.throws(() => hashesOf("AAAA"), /cut off/);
  });
});

describe("a bundle", () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "bundle-"));
  const key = signerKey("crm.example/audit", Buffer.alloc(32, 1));
  const origin = `${key.name}/t`;
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  async function verify(lines: readonly unknown[]) {
    const file = path.join(folder, "bundle");
    writeFileSync(
      file,
      lines.map((line) => `${typeof line === "string" ? line : JSON.stringify(line)}\n`).join(""),
    );
    return await verifyBundle(file, { keys: [key.text] });
  }

  test("of every size up to 40, checkpoints anywhere, is valid, and with one record less it is not", async () => {
    for (let size = 1; size <= 40; size++) {
      const tree: Growing = { leaves: 0, roots: [] };
      const lines: unknown[] = [{ bundle: "crm-audit/1", origin, size, whole: true }];
      for (let index = 0; index < size; index++) {
        const content = JSON.stringify({ id: `${index}`, tenant: "t" });
        pushLeaf(tree, hashOfLeaf(content));
        lines.push({ record: index, content });
        const note = () => signNote(checkpointText({ origin, size: index + 1, root: rootOf(tree) }), key);
        if (index === size - 1 || index % 7 === 3) lines.push({ checkpoint: note() });
      }
      const { valid, records, errors } = await verify(lines);
      assert.deepEqual([valid, records], [true, size], errors.join());
      const at = lines.findIndex((line) => (line as { record?: number }).record === size >> 1);
      const without = lines.toSpliced(at, 1);
      assert.equal((await verify(without)).valid, false);
    }
    assert.deepEqual((await verify([])).errors, ["a checkpoint is not signed by crm.example/audit"]);
    assert.match((await verify(["{}"])).errors[0] ?? "", /no bundle/);
  });

  test.each([
    ["null"],
    ["1"],
    ["[]"],
    ["{"],
    [{ record: 1.5, content: "{}" }],
    [{ record: -1, content: "{}", proof: "" }],
    [{ record: 1e300, content: "{}", proof: "" }],
    [{ record: 1, content: "null" }],
    [{ record: 1, content: "{" }],
    [{ record: 1, pruned: 7 }],
    [{ checkpoint: "" }],
    [{ consistency: "AAAA" }],
    [{ consistency: "" }],
    [{ bundle: "crm-audit/1", origin }],
  ])("with the line %j is refused, whatever it is, and says why", async (line) => {
    const tree: Growing = { leaves: 0, roots: [] };
    const content = JSON.stringify({ id: "0", tenant: "t" });
    pushLeaf(tree, hashOfLeaf(content));
    const checkpoint = signNote(checkpointText({ origin, size: 1, root: rootOf(tree) }), key);
    const { valid, errors } = await verify([
      { bundle: "crm-audit/1", origin, size: 1, whole: true },
      { record: 0, content },
      { checkpoint },
      line,
    ]);
    assert.equal(valid, false);
    assert.equal(errors.length, 1);
    assert.notEqual(errors[0], "");
  });
});
