// The contract of key providers, on the local one and on a KMS; and what the local one leaves in its folder.
import assert from "node:assert/strict";
import { createCipheriv, createDecipheriv, randomBytes, randomUUID } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, test } from "@jest/globals";
import { afterTest } from "../../servers/in-test.js";
import {
  KeyDestroyed,
  type KeyProvider,
  type KeyRef,
  KeysUnavailable,
} from "../../services/subjects/key-provider.js";
import { LocalKeyProvider } from "../../services/subjects/local-key-provider.js";
import { describeKeyProvider, type ProviderUnderTest } from "../support/key-provider-contract.js";

const SECRETS = new Map(["a", "b"].map((id) => [id, randomBytes(32)]));

const newFolder = () => mkdtempSync(path.join(tmpdir(), "subject-secrets-"));

function localUnderTest(): ProviderUnderTest {
  const folder = newFolder();
  return {
    with: (...versions) =>
      new LocalKeyProvider({
        folder,
        keys: versions.map((id) => ({ id, secret: SECRETS.get(id) ?? Buffer.alloc(32) })),
      }),
    close: async () => rmSync(folder, { recursive: true }),
  };
}

/** A KMS has one key for each subject inside, and hands none of them out. */
function kmsUnderTest(): ProviderUnderTest {
  const inside = new Map<string, Map<string, Buffer> | "destroyed">();
  const name = ({ tenantId, keyId }: KeyRef) => `${tenantId}/${keyId}`;
  const versionsOf = (ref: KeyRef) => {
    const versions = inside.get(name(ref));
    if (versions === "destroyed") throw new KeyDestroyed();
    if (!versions) throw new KeysUnavailable("no such key");
    return versions;
  };
  const wrap = (ref: KeyRef, version: string, dataKey: Buffer) => {
    const versions = versionsOf(ref);
    const key = versions.get(version) ?? randomBytes(32);
    versions.set(version, key);
    const iv = randomBytes(12);
    const cipher = createCipheriv("aes-256-gcm", key, iv);
    return {
      version,
      bytes: Buffer.concat([iv, cipher.update(dataKey), cipher.final(), cipher.getAuthTag()]),
    };
  };
  const open = (...configured: string[]): KeyProvider => {
    const [current = ""] = configured;
    const unwrap: KeyProvider["unwrap"] = async (ref, { version, bytes }) => {
      const key = versionsOf(ref).get(version);
      if (!key || !configured.includes(version) || bytes.length !== 60)
        throw new KeysUnavailable("no such version");
      const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(0, 12)).setAuthTag(
        bytes.subarray(-16),
      );
      try {
        return Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()]);
      } catch (cause) {
        throw new KeysUnavailable("not of this key", { cause });
      }
    };
    return {
      currentVersion: current,
      generate: async (ref) => {
        if (inside.has(name(ref))) throw new KeysUnavailable("it is there");
        inside.set(name(ref), new Map());
        const dataKey = randomBytes(32);
        return { dataKey, wrapped: wrap(ref, current, dataKey) };
      },
      unwrap,
      rewrap: async (ref, wrapped) => wrap(ref, current, await unwrap(ref, wrapped)),
      destroy: async (ref) => void inside.set(name(ref), "destroyed"),
    };
  };
  return { with: open, close: async () => inside.clear() };
}

describeKeyProvider("local", localUnderTest);
describeKeyProvider("a KMS", kmsUnderTest);

describe("the local provider's folder", () => {
  const filesOf = (folder: string) =>
    [...readdirSync(folder, { recursive: true, encoding: "utf8" })]
      .map((name) => path.join(folder, name))
      .filter((file) => statSync(file).isFile());

  test("has one file for each key, for its owner alone, which is empty once that is destroyed", async () => {
    const folder = newFolder();
    afterTest(() => rmSync(folder, { recursive: true }));
    const provider = new LocalKeyProvider({ folder, keys: [{ id: "a", secret: randomBytes(32) }] });
    const ref = { tenantId: randomUUID(), keyId: randomUUID() };
    await provider.generate(ref);
    const [file = "", ...others] = filesOf(folder);
    assert.deepEqual(others, []);
    assert.equal(statSync(file).mode & 0o077, 0);
    const secret = readFileSync(file);
    assert.equal(secret.length, 32);
    await provider.destroy(ref);
    assert.deepEqual(filesOf(folder), [file]);
    assert.equal(readFileSync(file).length, 0);
  });

  test("lost, or another one: says so, and is not taken for an erasure", async () => {
    const [folder, another] = [newFolder(), newFolder()];
    afterTest(() => {
      for (const one of [folder, another]) rmSync(one, { recursive: true });
    });
    const keys = [{ id: "a", secret: randomBytes(32) }];
    const ref = { tenantId: randomUUID(), keyId: randomUUID() };
    const { wrapped } = await new LocalKeyProvider({ folder, keys }).generate(ref);
    await assert.rejects(new LocalKeyProvider({ folder: another, keys }).unwrap(ref, wrapped), {
      status: 503,
      message: /is it the folder that it was made in/,
    });
  });
});
