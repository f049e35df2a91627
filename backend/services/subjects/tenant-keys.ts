// The tenant's own key, which no erasure destroys: for pseudonyms, and for what an unfinished erasure knows.
// Tests: test/integration/subject-vault.test.ts
import { createHmac, hkdfSync } from "node:crypto";
import { LRUCache } from "lru-cache";
import type { Pool } from "pg";
import type { KeyProvider } from "./key-provider.js";
import { keyIdsByPseudonym, liveKeyRows, makeKey, TENANT_ITSELF } from "./subject-key-rows.js";

interface TenantKey {
  readonly keyId: string;
  readonly pseudonyms: Buffer;
  readonly jobs: Buffer;
}

const MAX_TENANTS = 1000;
const KEPT_FOR_MS = 60_000;
const PSEUDONYM_DIGITS = 32;
const MAX_SUBJECT_ID_CHARACTERS = 256;
/** Half of a character of UTF-16. */
export const LONE_SURROGATE = /\p{Cs}/u;

export class TenantKeys {
  readonly #keys: LRUCache<string, TenantKey>;

  /** @param keptForMs how long a key stays in memory */
  constructor(pool: Pool, provider: KeyProvider, keptForMs = KEPT_FOR_MS) {
    this.#keys = new LRUCache<string, TenantKey>({
      max: MAX_TENANTS,
      ttl: keptForMs,
      ttlAutopurge: true,
      // A key that is asked for again just when its time is over may be purged while it is loaded: that is no failure.
      ignoreFetchAbort: true,
      // Of all who miss it, one asks.
      fetchMethod: (tenantId) => loadKey(pool, provider, tenantId),
    });
  }

  /** @throws TypeError where the id is empty, longer than 256 characters, or no well-formed text */
  async pseudonym(tenantId: string, subjectId: string): Promise<string> {
    if (subjectId === "" || subjectId.length > MAX_SUBJECT_ID_CHARACTERS)
      throw new TypeError(`a subject's id has 1 to ${MAX_SUBJECT_ID_CHARACTERS} characters`);
    // In UTF-8 they would all be the same.
    if (LONE_SURROGATE.test(subjectId)) throw new TypeError("a subject's id holds a lone surrogate");
    const { pseudonyms } = await this.#keyOf(tenantId);
    return createHmac("sha256", pseudonyms).update(subjectId).digest("hex").slice(0, PSEUDONYM_DIGITS);
  }

  /** What seals the jobs of the tenant's erasures. */
  async jobKey(tenantId: string): Promise<{ readonly id: string; readonly key: Buffer }> {
    const { keyId, jobs } = await this.#keyOf(tenantId);
    return { id: keyId, key: jobs };
  }

  clear(): void {
    this.#keys.clear();
  }

  async #keyOf(tenantId: string): Promise<TenantKey> {
    return this.#keys.forceFetch(tenantId);
  }
}

async function loadKey(pool: Pool, provider: KeyProvider, tenantId: string): Promise<TenantKey> {
  const known = await keyIdsByPseudonym(pool, tenantId, [TENANT_ITSELF]);
  const keyId = known.get(TENANT_ITSELF) ?? (await makeKey(pool, provider, tenantId, TENANT_ITSELF));
  const row = (await liveKeyRows(pool, tenantId, [keyId])).get(keyId);
  if (!row) throw new Error("the tenant's key is gone");
  const key = await provider.unwrap({ tenantId, keyId }, row.wrapped);
  const derived = (use: string) =>
    Buffer.from(hkdfSync("sha256", key, "", `tenant-key|${use}|${tenantId}`, 32));
  const keys = { keyId, pseudonyms: derived("pseudonyms"), jobs: derived("erasure jobs") };
  key.fill(0);
  return keys;
}
