// Merkle trees (RFC 9162 section 2.1): hashes, the right edge of a tree, and what proofs are made of. Indices are below 2^53.
// Tests: test/unit/merkle.test.ts
import { hash as digestOf } from "node:crypto";

export const HASH_BYTES = 32;

/** A complete subtree: the leaves from `position * 2^level` on, `2^level` of them. */
export interface Subtree {
  readonly level: number;
  readonly position: number;
}

export interface TreeNode extends Subtree {
  readonly hash: Buffer;
}

/** Leaves `from` to `to - 1`, whose hash is MTH(D[from:to]). */
export interface LeafRange {
  readonly from: number;
  readonly to: number;
}

const LEAF = Buffer.of(0);
const NODE = Buffer.of(1);

const sha256 = (bytes: Buffer): Buffer => digestOf("sha256", bytes, "buffer");

/** MTH({}). */
export const EMPTY_ROOT = sha256(Buffer.alloc(0));

export const leafHash = (content: string | Buffer): Buffer =>
  sha256(Buffer.concat([LEAF, typeof content === "string" ? Buffer.from(content) : content]));

export const nodeHash = (left: Buffer, right: Buffer): Buffer => sha256(Buffer.concat([NODE, left, right]));

/** The largest complete subtrees that leaves `from` to `to - 1` consist of, from left to right. */
export function subtreesOf({ from, to }: LeafRange): Subtree[] {
  const found: Subtree[] = [];
  for (let start = from; start < to; ) {
    let level = 0;
    // As long as it begins where a larger one would, and that one does not reach beyond the end.
    while (start % 2 ** (level + 1) === 0 && start + 2 ** (level + 1) <= to) level += 1;
    found.push({ level, position: start / 2 ** level });
    start += 2 ** level;
  }
  return found;
}

/** The hash of a range that begins where a subtree of its size would, from the hashes of {@link subtreesOf}. */
export function foldHashes(hashes: readonly Buffer[]): Buffer {
  const [last = EMPTY_ROOT, ...others] = hashes.toReversed();
  return others.reduce((right, left) => nodeHash(left, right), last);
}

/** The right edge of a growing tree: all that appending needs, at most 53 hashes. */
export class TreeEdge {
  #size: number;
  readonly #hashes: Buffer[];

  /**
   * @param hashes of the subtrees that a tree of this size consists of
   * @throws RangeError where it consists of more, or of fewer
   */
  constructor(size = 0, hashes: readonly Buffer[] = []) {
    const needed = subtreesOf({ from: 0, to: size }).length;
    if (hashes.length !== needed)
      throw new RangeError(
        `a tree of ${size} leaves has ${needed} subtrees at its edge, not ${hashes.length}`,
      );
    this.#size = size;
    this.#hashes = [...hashes];
  }

  get size(): number {
    return this.#size;
  }

  get hashes(): readonly Buffer[] {
    return this.#hashes;
  }

  get root(): Buffer {
    return foldHashes(this.#hashes);
  }

  /** One that grows by itself. */
  copy(): TreeEdge {
    return new TreeEdge(this.#size, this.#hashes);
  }

  /** The nodes that are complete now, the leaf first. */
  append(leaf: Buffer): TreeNode[] {
    const nodes: TreeNode[] = [{ level: 0, position: this.#size, hash: leaf }];
    let node = nodes[0] as TreeNode;
    this.#size += 1;
    for (let rest = this.#size; rest % 2 === 0; rest /= 2) {
      // A tree whose size is even has a sibling at its edge for the node that ends there.
      const left = this.#hashes.pop() as Buffer;
      node = { level: node.level + 1, position: (node.position - 1) / 2, hash: nodeHash(left, node.hash) };
      nodes.push(node);
    }
    this.#hashes.push(node.hash);
    return nodes;
  }
}

/** The largest power of two below `size`. */
function split(size: number): number {
  let power = 1;
  while (power * 2 < size) power *= 2;
  return power;
}

/**
 * PATH of RFC 9162 section 2.1.3.1: the ranges whose hashes prove that a leaf is in the tree, from the leaf upwards.
 * @throws RangeError where the tree has no such leaf
 */
export function inclusionPath(index: number, size: number): LeafRange[] {
  if (!(index >= 0 && index < size)) throw new RangeError(`a tree of ${size} records has no index ${index}`);
  const path: LeafRange[] = [];
  let [from, to] = [0, size];
  while (to - from > 1) {
    const middle = from + split(to - from);
    if (index < middle) {
      path.push({ from: middle, to });
      to = middle;
    } else {
      path.push({ from, to: middle });
      from = middle;
    }
  }
  return path.toReversed();
}

/**
 * PROOF of RFC 9162 section 2.1.4.1: the ranges whose hashes prove that the tree of `size` begins with that of `oldSize`.
 * @throws RangeError where `oldSize` is above `size`
 */
export function consistencyPath(oldSize: number, size: number): LeafRange[] {
  if (!(oldSize >= 0 && oldSize <= size))
    throw new RangeError(`a tree of ${size} records never had ${oldSize}`);
  if (oldSize === 0 || oldSize === size) return [];
  const path: LeafRange[] = [];
  let [from, to] = [0, size];
  // SUBPROOF(m, D[n], b): whoever asks knows the old tree's hash, which is that of a subtree where nothing to the left was needed.
  while (oldSize !== to) {
    const middle = from + split(to - from);
    if (oldSize <= middle) {
      path.push({ from: middle, to });
      to = middle;
    } else {
      path.push({ from, to: middle });
      from = middle;
    }
  }
  if (from > 0) path.push({ from, to });
  return path.toReversed();
}

/** RFC 9162 section 2.1.3.2. */
export function verifyInclusion(
  index: number,
  size: number,
  leaf: Buffer,
  proof: readonly Buffer[],
  root: Buffer,
): boolean {
  if (!(Number.isSafeInteger(index) && index >= 0 && index < size)) return false;
  let [position, last, hash] = [index, size - 1, leaf];
  for (const sibling of proof) {
    if (last === 0 || sibling.length !== HASH_BYTES) return false;
    if (position % 2 === 1 || position === last) {
      hash = nodeHash(sibling, hash);
      while (position % 2 === 0 && position !== 0) [position, last] = [position / 2, Math.floor(last / 2)];
    } else hash = nodeHash(hash, sibling);
    [position, last] = [Math.floor(position / 2), Math.floor(last / 2)];
  }
  return last === 0 && hash.equals(root);
}

/** RFC 9162 section 2.1.4.2. An empty tree is the beginning of each. */
export function verifyConsistency(
  oldSize: number,
  size: number,
  proof: readonly Buffer[],
  oldRoot: Buffer,
  root: Buffer,
): boolean {
  if (!(oldSize >= 0 && oldSize <= size) || proof.some(({ length }) => length !== HASH_BYTES)) return false;
  if (oldSize === size) return proof.length === 0 && oldRoot.equals(root);
  if (oldSize === 0) return proof.length === 0;
  let [position, last] = [oldSize - 1, size - 1];
  while (position % 2 === 1) [position, last] = [Math.floor(position / 2), Math.floor(last / 2)];
  const [first, ...rest] = position === 0 ? [oldRoot, ...proof] : proof;
  if (first === undefined) return false;
  let [oldHash, hash] = [first, first];
  for (const sibling of rest) {
    if (last === 0) return false;
    if (position % 2 === 1 || position === last) {
      [oldHash, hash] = [nodeHash(sibling, oldHash), nodeHash(sibling, hash)];
      while (position % 2 === 0 && position !== 0) [position, last] = [position / 2, Math.floor(last / 2)];
    } else hash = nodeHash(hash, sibling);
    [position, last] = [Math.floor(position / 2), Math.floor(last / 2)];
  }
  return last === 0 && oldHash.equals(oldRoot) && hash.equals(root);
}
