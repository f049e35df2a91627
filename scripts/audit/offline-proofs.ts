// What the offline verifier counts with: RFC 9162 and C2SP notes, written apart from the backend, which made what is checked.
// Tests: test/unit/offline-verifier.test.ts
import { createHash, createPublicKey, type KeyObject, verify } from "node:crypto";

const ED25519_SPKI = Buffer.from("302a300506032b6570032100", "hex");
const sha256 = (...parts: readonly Uint8Array[]) =>
  createHash("sha256").update(Buffer.concat(parts)).digest();
const hashOfNode = (left: Uint8Array, right: Uint8Array) => sha256(Uint8Array.of(1), left, right);
export const hashOfLeaf = (content: string) => sha256(Uint8Array.of(0), Buffer.from(content));

/** A list of hashes, in base64. */
export function hashesOf(encoded: string): Buffer[] {
  const bytes = Buffer.from(encoded, "base64");
  if (bytes.length % 32 !== 0) throw new Error("a list of hashes is cut off");
  return Array.from({ length: bytes.length / 32 }, (_, at) => bytes.subarray(at * 32, at * 32 + 32));
}

/** The complete subtrees of a tree, from the left: all that is needed of it to go on, and for its root. */
export type Parts = { leaves: number; hash: string }[];

export function pushLeaf(parts: Parts, leaf: Buffer): void {
  let [leaves, hash] = [1, leaf];
  for (let last = parts.at(-1); last?.leaves === leaves; last = parts.at(-1)) {
    [leaves, hash] = [leaves * 2, hashOfNode(Buffer.from(last.hash, "hex"), hash)];
    parts.pop();
  }
  parts.push({ leaves, hash: hash.toString("hex") });
}

export const leavesOf = (parts: Parts) => parts.reduce((sum, { leaves }) => sum + leaves, 0);
export const rootOf = (parts: Parts) =>
  parts.map(({ hash }) => Buffer.from(hash, "hex")).reduceRight((right, left) => hashOfNode(left, right));

/** The root that an inclusion proof leads to (RFC 9162 section 2.1.3.2); `undefined` where it fits no such tree. */
export function rootOfInclusion(index: number, size: number, leaf: Buffer, proof: readonly Buffer[]) {
  let [fn, sn, root] = [BigInt(index), BigInt(size) - 1n, leaf];
  if (fn > sn || fn < 0n) return undefined;
  for (const hash of proof) {
    if (sn === 0n) return undefined;
    if (fn % 2n === 1n || fn === sn) {
      root = hashOfNode(hash, root);
      for (; fn % 2n === 0n && fn !== 0n; fn >>= 1n) sn >>= 1n;
    } else root = hashOfNode(root, hash);
    [fn, sn] = [fn >> 1n, sn >> 1n];
  }
  return sn === 0n ? root : undefined;
}

/** Whether the second tree begins with the first (RFC 9162 section 2.1.4.2). */
export function isConsistent(old: Tree, now: Tree, proof: readonly Buffer[]): boolean {
  if (old.size === now.size) return proof.length === 0 && old.root.equals(now.root);
  if (old.size < 1 || old.size > now.size || proof.length === 0) return false;
  // Where the first tree is a subtree of the second, its root is not sent.
  const isSubtree = (BigInt(old.size) & (BigInt(old.size) - 1n)) === 0n;
  const [first = old.root, ...rest] = isSubtree ? [old.root, ...proof] : proof;
  let [fn, sn, fr, sr] = [BigInt(old.size) - 1n, BigInt(now.size) - 1n, first, first];
  for (; fn % 2n === 1n; fn >>= 1n) sn >>= 1n;
  for (const hash of rest) {
    if (sn === 0n) return false;
    if (fn % 2n === 1n || fn === sn) {
      [fr, sr] = [hashOfNode(hash, fr), hashOfNode(hash, sr)];
      for (; fn % 2n === 0n && fn !== 0n; fn >>= 1n) sn >>= 1n;
    } else sr = hashOfNode(sr, hash);
    [fn, sn] = [fn >> 1n, sn >> 1n];
  }
  return sn === 0n && fr.equals(old.root) && sr.equals(now.root);
}

export type Tree = { readonly origin: string; readonly size: number; readonly root: Buffer };

type PublicKey = {
  readonly name: string;
  readonly id: Buffer;
  readonly type: number;
  readonly key: KeyObject;
};

/** Of `name+id+base64`. Its type is 1 where it signs notes, 4 where it cosigns checkpoints, with the time. */
export function publicKeyOf(text: string): PublicKey {
  const [, name = "", id = "", encoded = ""] = /^([^\s+]+)\+([0-9a-f]{8})\+(.+)$/.exec(text) ?? [];
  const typed = Buffer.from(encoded, "base64");
  const expected = sha256(Buffer.from(`${name}\n`), typed).subarray(0, 4);
  if (typed.length !== 33 || expected.toString("hex") !== id || (typed[0] !== 1 && typed[0] !== 4))
    throw new Error("a verifier key is written <name>+<id>+<base64>");
  const spki = Buffer.concat([ED25519_SPKI, typed.subarray(1)]);
  return {
    name,
    id: expected,
    type: typed[0],
    key: createPublicKey({ key: spki, format: "der", type: "spki" }),
  };
}

/** The tree of a checkpoint that one of the keys has signed. @throws Error that says what is wrong */
export function signedTree(note: string, keys: readonly PublicKey[]): Tree {
  const end = note.lastIndexOf("\n\n");
  const text = note.slice(0, end + 1);
  const lines = note.slice(end + 2).split("\n");
  if (!keys.some((key) => lines.some((line) => isSigned(text, line, key))))
    throw new Error(`a checkpoint is not signed by ${keys[0]?.name}`);
  const [origin = "", size = "", root = ""] = text.split("\n");
  if (!/^(0|[1-9]\d*)$/.test(size) || Buffer.from(root, "base64").length !== 32)
    throw new Error("a note is no checkpoint");
  return { origin, size: Number(size), root: Buffer.from(root, "base64") };
}

function isSigned(text: string, line: string, { name, id, type, key }: PublicKey): boolean {
  const [dash, signer, encoded = ""] = line.split(" ");
  const bytes = Buffer.from(encoded, "base64");
  if (dash !== "\u2014" || signer !== name || !bytes.subarray(0, 4).equals(id)) return false;
  if (type === 1) return verify(null, Buffer.from(text), key, bytes.subarray(4));
  if (bytes.length !== 76) return false;
  const message = `cosignature/v1\ntime ${bytes.readBigUInt64BE(4)}\n${text}`;
  return verify(null, Buffer.from(message), key, bytes.subarray(12));
}
