// AUDIT_…: keys and places of the audit trail, and what production refuses.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import { DEVELOPMENT_AUDIT_KEY } from "../../config/audit-keys.js";
import { ConfigError, parseConfig } from "../../config.js";
import { parseSignerKey, signerKey, signerKeyText, witnessKey } from "../../services/audit/signed-note.js";

const BASE = { DATABASE_URL: "postgres://crm@127.0.0.1/crm", JWT_SECRET: "x".repeat(40) };
const OVERLAY = {
  SUBJECT_WRAPPING_KEYS: `a:${Buffer.alloc(32, 1).toString("base64")}`,
  SUBJECT_SECRETS_FOLDER: "/subject-secrets",
};
const KEY = signerKey("crm.example/audit", Buffer.alloc(32, 5));
const WITNESS = witnessKey("witness.example/w", Buffer.alloc(32, 6));

function problemsOf(env: Record<string, string>): readonly string[] {
  try {
    parseConfig({ ...BASE, ...env });
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.filter((problem) => problem.startsWith("AUDIT_"));
    throw error;
  }
  return [];
}

describe("the audit trail's variables", () => {
  test("without any, the development key signs, every 15 seconds, in the database alone", () => {
    const { audit } = parseConfig(BASE);
    assert.deepEqual(audit, {
      signingKey: DEVELOPMENT_AUDIT_KEY,
      formerKeys: [],
      checkpointFolder: undefined,
      objectFolder: undefined,
      witnesses: [],
      checkpointSeconds: 15,
    });
    assert.match(parseSignerKey(DEVELOPMENT_AUDIT_KEY).name, /development-only/);
  });

  test("all of them, the key from a file, too", () => {
    const env = {
      ...BASE,
      AUDIT_SIGNING_KEY_FILE: "/secret",
      AUDIT_FORMER_KEYS: `${KEY.text}, ${KEY.text}`,
      AUDIT_CHECKPOINT_DIR: "/checkpoints",
      AUDIT_OBJECT_DIR: "/objects",
      AUDIT_WITNESSES: `https://w.example/|${WITNESS.text}`,
      AUDIT_CHECKPOINT_SECONDS: "5",
    };
    const { audit } = parseConfig(env, () => `${signerKeyText(KEY)}\n`);
    assert.deepEqual(audit, {
      signingKey: signerKeyText(KEY),
      formerKeys: [KEY.text, KEY.text],
      checkpointFolder: "/checkpoints",
      objectFolder: "/objects",
      witnesses: [{ url: "https://w.example/", key: WITNESS.text }],
      checkpointSeconds: 5,
    });
  });

  test("production needs a key of its own where the overlay is on, and never takes the development key", () => {
    const production = { NODE_ENV: "production" };
    const signed = { AUDIT_SIGNING_KEY: signerKeyText(KEY), AUDIT_CHECKPOINT_DIR: "/checkpoints" };
    assert.deepEqual(problemsOf(production), []);
    assert.match(
      problemsOf({ ...production, ...OVERLAY })[0] ?? "",
      /production needs a key of its own.*keygen/,
    );
    assert.equal(problemsOf({ ...production, AUDIT_SIGNING_KEY: DEVELOPMENT_AUDIT_KEY }).length, 1);
    assert.deepEqual(problemsOf({ ...production, ...OVERLAY, ...signed }), []);
    const nowhere = problemsOf({ ...production, ...OVERLAY, ...signed, AUDIT_CHECKPOINT_DIR: "" });
    assert.match(nowhere[0] ?? "", /^AUDIT_CHECKPOINT_DIR: production needs a place/);
    assert.deepEqual(
      problemsOf({ ...production, ...OVERLAY, ...signed, AUDIT_CHECKPOINT_DIR: "", AUDIT_OBJECT_DIR: "/o" }),
      [],
    );
  });

  test("what is wrong is told, and never repeated", () => {
    const secret = signerKeyText(KEY);
    for (const [name, value] of [
      ["AUDIT_SIGNING_KEY", secret.slice(0, -6)],
      ["AUDIT_SIGNING_KEY", KEY.text],
      ["AUDIT_FORMER_KEYS", "x"],
      ["AUDIT_FORMER_KEYS", secret],
      ["AUDIT_WITNESSES", WITNESS.text],
      ["AUDIT_WITNESSES", `ftp://x|${WITNESS.text}`],
      ["AUDIT_WITNESSES", "https://w.example/"],
      ["AUDIT_CHECKPOINT_SECONDS", "31"],
      ["AUDIT_CHECKPOINT_SECONDS", "0"],
      ["AUDIT_CHECKPOINT_SECONDS", "soon"],
    ] as const) {
      const problems = problemsOf({ [name]: value });
      assert.equal(problems.length, 1, `${name} ${value}`);
      assert.ok(
        problems[0]?.startsWith(`${name}: `) && (value.length < 5 || !problems[0].includes(value)),
        problems[0],
      );
    }
  });
});
