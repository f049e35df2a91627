// CACHE_ENCRYPTION_KEYS, SUBJECT_WRAPPING_KEYS: "new:<base64>,old:<base64>". The first seals, all open.
// Tests: test/unit/config-secrets.test.ts
import type { TenantCacheOptions } from "express-tenant-cache";
import type { Checked } from "./secret-files.js";

export type Encryption = NonNullable<TenantCacheOptions["encryption"]>;
type Key = Encryption["keys"][number];

const KEY_BYTES = 32;
const ID = /^[\w-]{1,32}$/;
// Either alphabet of RFC 4648, with or without padding.
const BASE64 = /^[A-Za-z0-9+/_-]+={0,2}$/;
const HOW =
  'write "<id>:<key>", several separated by commas, the one that seals first; make a key with: openssl rand -base64 32';

/** @param name of the variable; `undefined` where it is not set */
export function parseEncryptionKeys(name: string, text: string | undefined): Checked<Encryption | undefined> {
  // In a file, each key may have a line of its own.
  const entries = (text ?? "").split(/[\s,]+/).filter((entry) => entry !== "");
  if (!text) return { value: undefined, problems: [] };
  if (entries.length === 0) return { value: undefined, problems: [`${name}: holds no key: ${HOW}`] };
  const problems: string[] = [];
  const keys: Key[] = [];
  for (const [index, entry] of entries.entries()) {
    const key = parseKey(entry);
    if (typeof key === "string") problems.push(`${name}: key ${index + 1} ${key}: ${HOW}`);
    else keys.push(key);
  }
  const ids = keys.map(({ id }) => id);
  const twice = ids.find((id, index) => ids.indexOf(id) !== index);
  if (twice !== undefined)
    problems.push(
      `${name}: two keys have the id "${twice}": entries name their key by it, give each its own`,
    );
  return { value: problems.length > 0 ? undefined : { keys }, problems };
}

/** What is wrong with it, instead of a key. Never repeats more than the id. */
function parseKey(entry: string): Key | string {
  const colon = entry.indexOf(":");
  if (colon === -1) return "has no id";
  const id = entry.slice(0, colon);
  if (!ID.test(id)) return 'has no usable id (at most 32 letters, digits, "_" or "-")';
  const encoded = entry.slice(colon + 1);
  if (!BASE64.test(encoded)) return `("${id}") is not base64`;
  const secret = Buffer.from(encoded, "base64");
  if (secret.length !== KEY_BYTES) return `("${id}") has ${secret.length} bytes instead of ${KEY_BYTES}`;
  return { id, secret };
}
