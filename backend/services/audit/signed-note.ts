// Signed notes (C2SP signed-note) with Ed25519, checkpoints (C2SP tlog-checkpoint) and cosignatures of witnesses (C2SP tlog-cosignature).
// Tests: test/unit/signed-note.test.ts
import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import { HASH_BYTES } from "./merkle.js";

/** The byte that says what a key signs: notes, or timestamped cosignatures. */
const NOTE_TYPE = 1;
const COSIGNATURE_TYPE = 4;
type SignatureType = typeof NOTE_TYPE | typeof COSIGNATURE_TYPE;

const SEED_BYTES = 32;
const ID_BYTES = 4;
const SIGNATURE_BYTES = 64;
const TIMESTAMP_BYTES = 8;
// What goes around the 32 bytes of RFC 8032 in PKCS #8 and SPKI (RFC 8410).
const PKCS8_PREFIX = Buffer.from("302e020100300506032b657004220420", "hex");
const SPKI_PREFIX = Buffer.from("302a300506032b6570032100", "hex");
// C2SP: neither spaces nor a plus.
const NAME = /^[^\s+]+$/u;

export interface VerifierKey {
  readonly name: string;
  readonly type: SignatureType;
  readonly id: Buffer;
  readonly publicKey: KeyObject;
  /** `name+id+key`, as golang.org/x/mod/sumdb/note writes it. */
  readonly text: string;
}

export interface SignerKey extends VerifierKey {
  readonly privateKey: KeyObject;
}

export interface Checkpoint {
  readonly origin: string;
  readonly size: number;
  readonly root: Buffer;
}

export interface Note {
  /** With its last newline. */
  readonly text: string;
  readonly signatures: readonly { readonly name: string; readonly id: Buffer; readonly signature: Buffer }[];
}

/** @param seed 32 bytes, the private key of RFC 8032 */
export function signerKey(name: string, seed: Buffer, type: SignatureType = NOTE_TYPE): SignerKey {
  if (seed.length !== SEED_BYTES) throw new RangeError(`an Ed25519 key has ${SEED_BYTES} bytes`);
  const der = Buffer.concat([PKCS8_PREFIX, seed]);
  const privateKey = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  const spki = createPublicKey(privateKey).export({ format: "der", type: "spki" });
  return { ...verifierKey(name, spki.subarray(SPKI_PREFIX.length), type), privateKey };
}

/** The key of a witness. */
export const witnessKey = (name: string, seed: Buffer): SignerKey => signerKey(name, seed, COSIGNATURE_TYPE);

function verifierKey(name: string, raw: Buffer, type: SignatureType): VerifierKey {
  if (!NAME.test(name))
    throw new TypeError(`the name of a key has neither spaces nor "+": ${JSON.stringify(name)}`);
  const typed = Buffer.concat([Buffer.of(type), raw]);
  const id = createHash("sha256").update(`${name}\n`).update(typed).digest().subarray(0, ID_BYTES);
  const publicKey = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, raw]), format: "der", type: "spki" });
  return { name, type, id, publicKey, text: `${name}+${id.toString("hex")}+${typed.toString("base64")}` };
}

/** @throws TypeError where the text is no key of Ed25519 */
export function parseVerifierKey(text: string): VerifierKey {
  const parsed = parseKey(text);
  if (parsed) {
    const key = verifierKey(parsed.name, parsed.bytes, parsed.type);
    if (key.id.toString("hex") === parsed.id) return key;
  }
  throw new TypeError(
    "is no verifier key: write <name>+<id>+<base64>, as `npm run audit -- keygen` prints it",
  );
}

const SECRET_PREFIX = "PRIVATE+KEY+";

/**
 * A private key as golang.org/x/mod/sumdb/note writes it: `PRIVATE+KEY+name+id+base64`.
 * @throws TypeError, which repeats nothing of the text
 */
export function parseSignerKey(text: string): SignerKey {
  const parsed = text.startsWith(SECRET_PREFIX) ? parseKey(text.slice(SECRET_PREFIX.length)) : undefined;
  if (parsed) {
    const key = signerKey(parsed.name, parsed.bytes, parsed.type);
    if (key.id.toString("hex") === parsed.id) return key;
  }
  throw new TypeError("is no signing key: make one with: npm run audit -- keygen <name>");
}

/** What {@link parseSignerKey} reads. A secret. */
export function signerKeyText({ name, id, type, privateKey }: SignerKey): string {
  const der = privateKey.export({ format: "der", type: "pkcs8" });
  const typed = Buffer.concat([Buffer.of(type), der.subarray(PKCS8_PREFIX.length)]);
  return `${SECRET_PREFIX}${name}+${id.toString("hex")}+${typed.toString("base64")}`;
}

function parseKey(
  text: string,
): { name: string; id: string; type: SignatureType; bytes: Buffer } | undefined {
  const [, name = "", id = "", encoded = ""] =
    /^([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+=*)$/u.exec(text) ?? [];
  const typed = Buffer.from(encoded, "base64");
  const type = typed[0];
  if ((type !== NOTE_TYPE && type !== COSIGNATURE_TYPE) || typed.length !== 1 + SEED_BYTES) return undefined;
  return { name, id, type, bytes: typed.subarray(1) };
}

export const checkpointText = ({ origin, size, root }: Checkpoint): string =>
  `${origin}\n${size}\n${root.toString("base64")}\n`;

/** The signed note of a text. Ed25519 is deterministic: the same text has the same signature. */
export function signNote(text: string, key: SignerKey): string {
  return `${text}\n${signatureLine(key, sign(null, Buffer.from(text), key.privateKey))}`;
}

/** The line of a witness, with the time when it was made. */
export function cosignatureLine(text: string, key: SignerKey, atSeconds: number): string {
  const timestamp = Buffer.alloc(TIMESTAMP_BYTES);
  timestamp.writeBigUInt64BE(BigInt(atSeconds));
  const signature = sign(null, cosigned(text, BigInt(atSeconds)), key.privateKey);
  return signatureLine(key, Buffer.concat([timestamp, signature]));
}

const cosigned = (text: string, atSeconds: bigint) =>
  Buffer.from(`cosignature/v1\ntime ${atSeconds}\n${text}`);

const signatureLine = ({ name, id }: VerifierKey, signature: Buffer) =>
  `\u2014 ${name} ${Buffer.concat([id, signature]).toString("base64")}\n`;

/** `undefined` where it is no note. */
export function parseNote(note: string): Note | undefined {
  const end = note.lastIndexOf("\n\n");
  if (end === -1 || !note.endsWith("\n")) return undefined;
  const lines = note.slice(end + 2, -1).split("\n");
  const signatures = lines.map((line) => {
    const [, name, encoded] = /^\u2014 ([^\s+]+) ([A-Za-z0-9+/]+={0,2})$/u.exec(line) ?? [];
    const bytes = Buffer.from(encoded ?? "", "base64");
    if (name === undefined || bytes.length <= ID_BYTES) return undefined;
    return { name, id: bytes.subarray(0, ID_BYTES), signature: bytes.subarray(ID_BYTES) };
  });
  const good = signatures.filter((signature) => signature !== undefined);
  return good.length === lines.length ? { text: note.slice(0, end + 1), signatures: good } : undefined;
}

/** Whether the key has signed the note: a signature of it that does not verify makes the whole note void. */
export function isSignedBy({ text, signatures }: Note, key: VerifierKey): boolean {
  const own = signatures.filter(({ name, id }) => name === key.name && id.equals(key.id));
  return own.length > 0 && own.every(({ signature }) => verifies(text, signature, key));
}

function verifies(text: string, signature: Buffer, { type, publicKey }: VerifierKey): boolean {
  if (type === NOTE_TYPE)
    return signature.length === SIGNATURE_BYTES && verify(null, Buffer.from(text), publicKey, signature);
  if (signature.length !== TIMESTAMP_BYTES + SIGNATURE_BYTES) return false;
  const message = cosigned(text, signature.readBigUInt64BE());
  return verify(null, message, publicKey, signature.subarray(TIMESTAMP_BYTES));
}

/** `undefined` where the text is no checkpoint. */
export function parseCheckpoint(text: string): Checkpoint | undefined {
  const [origin = "", digits = "", encoded = ""] = text.split("\n");
  const root = Buffer.from(encoded, "base64");
  const size = Number(digits);
  const isCheckpoint =
    origin !== "" &&
    /^(?:0|[1-9]\d*)$/.test(digits) &&
    Number.isSafeInteger(size) &&
    root.length === HASH_BYTES;
  return isCheckpoint && root.toString("base64") === encoded ? { origin, size, root } : undefined;
}

/** The checkpoint of a note that one of the keys has signed; `undefined` where none has, or it is no checkpoint. */
export function openCheckpoint(note: string, keys: readonly VerifierKey[]): Checkpoint | undefined {
  const parsed = parseNote(note);
  if (parsed === undefined || !keys.some((key) => isSignedBy(parsed, key))) return undefined;
  return parseCheckpoint(parsed.text);
}
