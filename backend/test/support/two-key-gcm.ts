// Bytes that AES-256-GCM opens under two keys: why a sealed value commits to its key.
import { createCipheriv } from "node:crypto";

export interface GcmKey {
  readonly key: Buffer;
  /** 12 bytes. */
  readonly iv: Buffer;
}

const BLOCK_BYTES = 16;
const REDUCTION = 0xe1n << 120n;

/** Ciphertext and tag, both valid under both keys with that additional data (NIST SP 800-38D section 7.1). */
export function opensUnderBoth(one: GcmKey, other: GcmKey, aad: Buffer): Buffer {
  const [h1, h2] = [one, other].map(({ key }) => encryptBlock(key, Buffer.alloc(BLOCK_BYTES))) as [
    bigint,
    bigint,
  ];
  const [mask1, mask2] = [one, other].map(({ key, iv }) =>
    encryptBlock(key, Buffer.concat([iv, Buffer.of(0, 0, 0, 1)])),
  ) as [bigint, bigint];
  // Two blocks of any text. The second one is chosen so that both keys have the same tag; it stands before
  // the block of lengths.
  const first = Buffer.from("whatever it says");
  const free = Buffer.alloc(BLOCK_BYTES);
  const rest = (h: bigint) => ghash(h, aad, Buffer.concat([first, free]));
  const difference = mask1 ^ mask2 ^ rest(h1) ^ rest(h2);
  const factor = multiply(h1, h1) ^ multiply(h2, h2);
  const block = toBuffer(multiply(difference, inverse(factor)));
  const text = Buffer.concat([first, block]);
  return Buffer.concat([text, toBuffer(mask1 ^ ghash(h1, aad, text))]);
}

function encryptBlock(key: Buffer, block: Buffer): bigint {
  const cipher = createCipheriv("aes-256-ecb", key, null).setAutoPadding(false);
  return toNumber(Buffer.concat([cipher.update(block), cipher.final()]));
}

function ghash(h: bigint, aad: Buffer, text: Buffer): bigint {
  const lengths = Buffer.alloc(BLOCK_BYTES);
  lengths.writeBigUInt64BE(BigInt(aad.length) * 8n, 0);
  lengths.writeBigUInt64BE(BigInt(text.length) * 8n, 8);
  const padding = Buffer.alloc((BLOCK_BYTES - (aad.length % BLOCK_BYTES)) % BLOCK_BYTES);
  const bytes = Buffer.concat([aad, padding, text, lengths]);
  let sum = 0n;
  for (let at = 0; at < bytes.length; at += BLOCK_BYTES) {
    sum = multiply(sum ^ toNumber(bytes.subarray(at, at + BLOCK_BYTES)), h);
  }
  return sum;
}

/** In GF(2^128), with GCM's order of bits (section 6.3). */
function multiply(x: bigint, y: bigint): bigint {
  let product = 0n;
  let shifted = y;
  for (let bit = 127n; bit >= 0n; bit -= 1n) {
    if ((x >> bit) & 1n) product ^= shifted;
    shifted = shifted & 1n ? (shifted >> 1n) ^ REDUCTION : shifted >> 1n;
  }
  return product;
}

/** x^(2^128 - 2). */
function inverse(x: bigint): bigint {
  let result = 1n << 127n;
  let power = x;
  for (let bit = 1; bit < 128; bit += 1) {
    power = multiply(power, power);
    result = multiply(result, power);
  }
  return result;
}

const toNumber = (bytes: Buffer) => BigInt(`0x${bytes.toString("hex")}`);
const toBuffer = (number: bigint) => Buffer.from(number.toString(16).padStart(32, "0"), "hex");
