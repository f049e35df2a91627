// What the offline verifier counts with: RFC 9162 and C2SP notes, written apart from the backend, which made what is checked.
// Tests: test/unit/offline-verifier.test.ts
import { createHash, createPublicKey, verify } from "node:crypto";

/** What is checked does not hold. */
export class Refused extends Error {}
export function check(holds: boolean, why: string): asserts holds {
  if (!holds) throw new Refused(why);
}

const ofHex = (hash = "") => Buffer.from(hash, "hex");
const sha256 = (...parts: Uint8Array[]) => createHash("sha256").update(Buffer.concat(parts)).digest();
const hashOfNode = (left: Uint8Array, right: Uint8Array) => sha256(Uint8Array.of(1), left, right);
export const hashOfLeaf = (content: string) => sha256(Uint8Array.of(0), Buffer.from(content));

/** A list of hashes, in base64. */
export function hashesOf(encoded: string): Buffer[] {
  const bytes = Buffer.from(encoded, "base64");
  check(bytes.length % 32 === 0, "a list of hashes is cut off");
  return Array.from({ length: bytes.length / 32 }, (_, at) => bytes.subarray(at * 32, at * 32 + 32));
}

/** A tree that grows: the roots of its complete subtrees from the left, in hex, are all that is needed to go on, and for its root. */
export type Growing = { leaves: number; readonly roots: string[] };
export function pushLeaf(tree: Growing, leaf: Buffer): void {
  let hash = leaf;
  // Each 1 at the end of the number of leaves is a subtree as large as what is pushed by then.
  for (let rest = tree.leaves; rest % 2 === 1; rest = (rest - 1) / 2)
    hash = hashOfNode(ofHex(tree.roots.pop()), hash);
  tree.leaves += 1;
  tree.roots.push(hash.toString("hex"));
}

export const rootOf = ({ roots }: Growing) =>
  roots.map((hash) => ofHex(hash)).reduceRight((right, left) => hashOfNode(left, right));

/** The steps of RFC 9162 sections 2.1.3.2 and 2.1.4.2: for each hash whether it stands left; `undefined` where the proof does not fit. */
function sidesOf(proof: readonly Buffer[], fn: bigint, sn: bigint): boolean[] | undefined {
  const sides: boolean[] = [];
  for (; sides.length < proof.length; [fn, sn] = [fn >> 1n, sn >> 1n]) {
    if (sn === 0n) return undefined;
    const isLeft = fn % 2n === 1n || fn === sn;
    if (isLeft) for (; fn % 2n === 0n && fn !== 0n; fn >>= 1n) sn >>= 1n;
    sides.push(isLeft);
  }
  return sn === 0n ? sides : undefined;
}

const climb = (from: Buffer, proof: readonly Buffer[], sides: readonly boolean[]) =>
  proof.reduce((root, hash, at) => (sides[at] ? hashOfNode(hash, root) : hashOfNode(root, hash)), from);

/** The root that an inclusion proof leads to (RFC 9162 section 2.1.3.2); `undefined` where it fits no such tree. */
export function rootOfInclusion(index: number, size: number, leaf: Buffer, proof: readonly Buffer[]) {
  if (!(index >= 0 && index < size)) return undefined;
  const sides = sidesOf(proof, BigInt(index), BigInt(size) - 1n);
  return sides && climb(leaf, proof, sides);
}

/** Whether the second tree begins with the first (RFC 9162 section 2.1.4.2). */
export function isConsistent(old: Tree, now: Tree, proof: readonly Buffer[]): boolean {
  if (old.size === now.size) return proof.length === 0 && old.root.equals(now.root);
  if (old.size < 1 || old.size > now.size || proof.length === 0) return false;
  let [fn, sn] = [BigInt(old.size) - 1n, BigInt(now.size) - 1n];
  // Where the first tree is a subtree of the second, its root is not sent.
  const [first = old.root, ...rest] = (BigInt(old.size) & fn) === 0n ? [old.root, ...proof] : proof;
  for (; fn % 2n === 1n; fn >>= 1n) sn >>= 1n;
  const sides = sidesOf(rest, fn, sn);
  // What stands right of the first tree is no part of it.
  const ofOld = rest.filter((_hash, at) => sides?.[at]);
  const rootOfOld = climb(first, ofOld, Array(ofOld.length).fill(true));
  return sides !== undefined && rootOfOld.equals(old.root) && climb(first, rest, sides).equals(now.root);
}

export type Tree = { readonly origin: string; readonly size: number; readonly root: Buffer };
export type PublicKey = ReturnType<typeof publicKeyOf>;

/** Of `name+id+base64`. Its type is 1 where it signs notes, 4 where it cosigns checkpoints, with the time. */
export function publicKeyOf(text: string) {
  const [, name = "", id = "", encoded = ""] = /^([^\s+]+)\+([0-9a-f]{8})\+(.+)$/.exec(text) ?? [];
  const typed = Buffer.from(encoded, "base64");
  const hash = sha256(Buffer.from(`${name}\n`), typed).subarray(0, 4);
  if (typed.length !== 33 || hash.toString("hex") !== id || (typed[0] !== 1 && typed[0] !== 4))
    throw new Error("a verifier key is written <name>+<id>+<base64>");
  const spki = Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), typed.subarray(1)]);
  return { name, id: hash, type: typed[0], key: createPublicKey({ key: spki, format: "der", type: "spki" }) };
}

/** The tree of a checkpoint that one of the keys has signed. @throws Refused */
export function signedTree(note: string, keys: readonly PublicKey[]): Tree {
  const end = note.lastIndexOf("\n\n");
  const text = note.slice(0, end + 1);
  const lines = note.slice(end + 2).split("\n");
  const isSignedByOne = keys.some((key) => lines.some((line) => isSigned(text, line, key)));
  check(isSignedByOne, `a checkpoint is not signed by ${keys[0]?.name}`);
  const [origin = "", size = "", encoded = ""] = text.split("\n");
  const root = Buffer.from(encoded, "base64");
  check(/^(0|[1-9]\d*)$/.test(size) && root.length === 32, "a note is no checkpoint");
  return { origin, size: Number(size), root };
}

function isSigned(text: string, line: string, { name, id, type, key }: PublicKey): boolean {
  const [dash, signer, encoded = ""] = line.split(" ");
  const bytes = Buffer.from(encoded, "base64");
  if (dash !== "\u2014" || signer !== name || !bytes.subarray(0, 4).equals(id)) return false;
  if (type === 4 && bytes.length !== 76) return false;
  const time = type === 4 ? `cosignature/v1\ntime ${bytes.readBigUInt64BE(4)}\n` : "";
  return verify(null, Buffer.from(time + text), key, bytes.subarray(type === 4 ? 12 : 4));
}
