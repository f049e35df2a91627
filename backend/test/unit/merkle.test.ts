// Merkle trees against published vectors, and against their definition for each small size.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import {
  consistencyPath,
  EMPTY_ROOT,
  foldHashes,
  inclusionPath,
  type LeafRange,
  leafHash,
  nodeHash,
  subtreesOf,
  TreeEdge,
  verifyConsistency,
  verifyInclusion,
} from "../../services/audit/merkle.js";
import { CONSISTENCY_PROOFS, INCLUSION_PROOFS, LEAVES, ROOTS, wrongProofs } from "../support/tree-vectors.js";

/** MTH(D[n]) as RFC 9162 section 2.1.1 writes it. */
function treeHash(leaves: readonly Buffer[]): Buffer {
  if (leaves.length === 0) return EMPTY_ROOT;
  if (leaves.length === 1) return leaves[0] as Buffer;
  let middle = 1;
  while (middle * 2 < leaves.length) middle *= 2;
  return nodeHash(treeHash(leaves.slice(0, middle)), treeHash(leaves.slice(middle)));
}

/** Nodes by their place, as the tree's table has them. */
function grow(leaves: readonly Buffer[]) {
  const edge = new TreeEdge();
  const nodes = new Map<string, Buffer>();
  for (const leaf of leaves)
    for (const { level, position, hash } of edge.append(leaf)) nodes.set(`${level}/${position}`, hash);
  const hashOf = (range: LeafRange) =>
    foldHashes(
      subtreesOf(range).map(
        ({ level, position }) => nodes.get(`${level}/${position}`) ?? assert.fail(`${level}/${position}`),
      ),
    );
  return { edge, nodes, hashOf };
}

const rootOf = (size: number) => ROOTS[size] as Buffer;
const leaves = LEAVES.map(leafHash);

describe("published vectors", () => {
  test("roots of 0 to 8 leaves", () => {
    for (const [size, root] of ROOTS.entries())
      assert.deepEqual(grow(leaves.slice(0, size)).edge.root, root, `${size} leaves`);
  });

  for (const { index, size, proof } of INCLUSION_PROOFS)
    test(`the inclusion of ${index} in ${size}`, () => {
      const { hashOf } = grow(leaves.slice(0, size));
      const leaf = leaves[index] as Buffer;
      assert.deepEqual(inclusionPath(index, size).map(hashOf), proof);
      assert.ok(verifyInclusion(index, size, leaf, proof, rootOf(size)));
      for (const wrong of wrongProofs(proof, rootOf(size)))
        assert.ok(!verifyInclusion(index, size, leaf, wrong, rootOf(size)));
      for (const [otherIndex, otherSize] of [
        [index - 1, size],
        [index + 1, size],
        [index ^ 2, size],
        [index, size * 2],
        [index, Math.floor(size / 2)],
      ] as const)
        assert.ok(!verifyInclusion(otherIndex, otherSize, leaf, proof, rootOf(size)));
      assert.ok(!verifyInclusion(index, size, leafHash("other"), proof, rootOf(size)));
      assert.ok(!verifyInclusion(index, size, leaf, proof, EMPTY_ROOT));
    });

  for (const { oldSize, size, proof } of CONSISTENCY_PROOFS)
    test(`the consistency of ${oldSize} with ${size}`, () => {
      const { hashOf } = grow(leaves.slice(0, size));
      const [oldRoot, root] = [rootOf(oldSize), rootOf(size)];
      assert.deepEqual(consistencyPath(oldSize, size).map(hashOf), proof);
      assert.ok(verifyConsistency(oldSize, size, proof, oldRoot, root));
      for (const wrong of wrongProofs(proof, root))
        assert.ok(!verifyConsistency(oldSize, size, wrong, oldRoot, root));
      if (proof.length === 0) return;
      for (const [one, other] of [
        [oldSize - 1, size],
        [oldSize + 1, size],
        [oldSize ^ 2, size],
        [oldSize, size * 2],
        [oldSize, Math.floor(size / 2)],
      ] as const)
        assert.ok(!verifyConsistency(one, other, proof, oldRoot, root), `${one} ${other}`);
      assert.ok(!verifyConsistency(oldSize, size, proof, root, oldRoot));
      assert.ok(!verifyConsistency(oldSize, size, [], oldRoot, root));
    });
});

describe("every size up to 130", () => {
  const many = Array.from({ length: 130 }, (_, index) => leafHash(`${index}`));
  const { hashOf, nodes } = grow(many);

  test("the edge has the root of the definition, and goes on from its hashes", () => {
    for (let size = 0; size <= many.length; size++) {
      const edge = new TreeEdge(
        size,
        subtreesOf({ from: 0, to: size }).map((each) => hashOf(rangeOf(each))),
      );
      assert.deepEqual(edge.root, treeHash(many.slice(0, size)));
      const next = many[size];
      if (next === undefined) continue;
      for (const { level, position, hash } of edge.append(next))
        assert.deepEqual(hash, nodes.get(`${level}/${position}`));
      assert.deepEqual(edge.root, treeHash(many.slice(0, size + 1)));
    }
    assert.throws(() => new TreeEdge(3, []), /has 2 subtrees/);
  });

  test("each inclusion and each consistency is proven, and nothing else is", () => {
    for (let size = 1; size <= 66; size++) {
      const root = treeHash(many.slice(0, size));
      for (let index = 0; index < size; index++) {
        const proof = inclusionPath(index, size).map(hashOf);
        const leaf = many[index] as Buffer;
        assert.ok(verifyInclusion(index, size, leaf, proof, root), `${index} in ${size}`);
        assert.ok(!verifyInclusion(index, size, many[index + 1] as Buffer, proof, root));
        const oldRoot = treeHash(many.slice(0, index));
        const consistency = consistencyPath(index, size).map(hashOf);
        assert.ok(verifyConsistency(index, size, consistency, oldRoot, root), `${index} of ${size}`);
        if (index > 0) assert.ok(!verifyConsistency(index, size, consistency, root, root));
      }
    }
    assert.throws(() => inclusionPath(5, 5), /no index 5/);
    assert.throws(() => consistencyPath(6, 5), /never had 6/);
  });

  test("a proof at a million records has at most 700 bytes, and one beyond 32 bits is made, too", () => {
    for (const index of [0, 1, 524_288, 999_998, 999_999])
      assert.ok(inclusionPath(index, 1_000_000).length * 32 <= 700);
    assert.equal(inclusionPath(2 ** 40, 2 ** 41).length, 41);
    assert.deepEqual(subtreesOf({ from: 2 ** 40, to: 2 ** 41 }), [{ level: 40, position: 1 }]);
  });
});

function rangeOf({ level, position }: { readonly level: number; readonly position: number }): LeafRange {
  return { from: position * 2 ** level, to: (position + 1) * 2 ** level };
}
