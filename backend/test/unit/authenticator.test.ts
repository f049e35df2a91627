// Remembered tokens: good until they expire or are revoked, never for another text, and bounded.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import type { Auth } from "../../http/identity/auth.js";
import { Authenticator } from "../../http/identity/authenticator.js";
import { sessionTag } from "../../http/identity/session-tag.js";
import { createTokenVerifier } from "../../http/identity/token-verifier.js";
import { issueToken } from "../../services/tokens.js";

const SECRET = "a-secret-of-the-tests-with-enough-bytes";
const TENANT = "aaaaaaaa-0000-4000-8000-000000000001";
const TOLERANCE_MS = 5000;

const tokenOf = (jti: string, expiresInSeconds = 60) =>
  issueToken({ secret: SECRET, subject: "s", role: "viewer", tenantId: TENANT, jti, expiresInSeconds });

/** An authenticator that counts verified signatures, with a clock and a list of revoked tokens to turn. */
function counting(maxRememberedLength?: number) {
  const verify = createTokenVerifier({ secret: SECRET });
  const seen = { verified: 0, asked: 0, revoked: new Set<string>(), nowMs: Date.now() };
  const authenticator = new Authenticator({
    verify: (token) => {
      seen.verified += 1;
      return verify(token);
    },
    revocations: {
      isRevoked: async ({ jti = "" }: Auth) => {
        seen.asked += 1;
        return seen.revoked.has(jti);
      },
    },
    now: () => seen.nowMs,
    ...(maxRememberedLength !== undefined && { maxRememberedLength }),
  });
  return { authenticator, seen };
}

describe("authenticator", () => {
  test("verifies a signature once, and asks for revocation each time", async () => {
    const { authenticator, seen } = counting();
    const token = await tokenOf("t1");
    assert.equal(authenticator.recall(token), undefined);
    const auth = await authenticator.authenticate(token);
    assert.deepEqual(await authenticator.authenticate(token), auth);
    assert.equal(authenticator.recall(token), auth);
    assert.equal(authenticator.recallHeader(`Bearer ${token}`), auth);
    assert.equal(authenticator.recallHeader(token), undefined);
    assert.equal(authenticator.recallHeader(undefined), undefined);
    assert.deepEqual([seen.verified, seen.asked], [1, 2]);
  });

  test("a text that differs is another token, and is verified", async () => {
    const { authenticator, seen } = counting();
    const token = await tokenOf("t1");
    await authenticator.authenticate(token);
    const [header, payload, signature = ""] = token.split(".");
    const altered = signature.startsWith("A") ? `B${signature.slice(1)}` : `A${signature.slice(1)}`;
    for (const tampered of [`${header}.${payload}.${altered}`, `${header}.${payload}x.${signature}`]) {
      assert.equal(authenticator.recall(tampered), undefined);
      await assert.rejects(authenticator.authenticate(tampered), { status: 401 });
      assert.equal(authenticator.recall(tampered), undefined);
    }
    assert.equal(seen.verified, 3);
  });

  test("an expired token is forgotten, with the verifier's tolerance", async () => {
    const { authenticator, seen } = counting();
    const token = await tokenOf("t1");
    const { expiresAtMs } = await authenticator.authenticate(token);
    seen.nowMs = expiresAtMs + TOLERANCE_MS - 1;
    assert.ok(authenticator.recall(token));
    seen.nowMs = expiresAtMs + TOLERANCE_MS;
    assert.equal(authenticator.recall(token), undefined);
    assert.equal(authenticator.size, 0);
  });

  test("a token that has expired before it was seen is refused", async () => {
    const { authenticator } = counting();
    await assert.rejects(authenticator.authenticate(await tokenOf("t1", -60)), { status: 401 });
    assert.equal(authenticator.size, 0);
  });

  test("a revoked token is refused and forgotten, seen before or not", async () => {
    const { authenticator, seen } = counting();
    const [known, unknown] = [await tokenOf("known"), await tokenOf("unknown")];
    await authenticator.authenticate(known);
    seen.revoked.add("known").add("unknown");
    for (const token of [known, unknown]) {
      await assert.rejects(authenticator.authenticate(token), { status: 401 });
      assert.equal(authenticator.recall(token), undefined);
    }
  });

  test("forgetting an id drops every token that has it, and no other", async () => {
    const { authenticator } = counting();
    const [one, other] = [await tokenOf("one"), await tokenOf("other")];
    await authenticator.authenticate(one);
    await authenticator.authenticate(other);
    authenticator.forget("one");
    assert.equal(authenticator.recall(one), undefined);
    assert.ok(authenticator.recall(other));
  });

  test("what is remembered is bounded, the least recently used goes first", async () => {
    const first = await tokenOf("t0");
    const { authenticator } = counting(first.length * 3);
    await authenticator.authenticate(first);
    for (let n = 1; n < 10; n++) await authenticator.authenticate(await tokenOf(`t${n}`));
    assert.equal(authenticator.size, 3);
    assert.equal(authenticator.recall(first), undefined);
  });

  test("where revocation cannot be known, nothing is accepted", async () => {
    const authenticator = new Authenticator({
      verify: createTokenVerifier({ secret: SECRET }),
      revocations: { isRevoked: () => Promise.reject(new Error("away")) },
    });
    const token = await tokenOf("t1");
    await assert.rejects(authenticator.authenticate(token), /away/);
    assert.equal(authenticator.recall(token), undefined);
  });
});

describe("the session's tag", () => {
  test("names the token's id, or its hash where that cannot be part of a tag", () => {
    assert.equal(sessionTag({ jti: "a-1" }), "session-a-1");
    assert.match(sessionTag({ jti: "a:*{b}" }) ?? "", /^session-[0-9a-f]{64}$/);
    assert.match(sessionTag({ jti: "x".repeat(150) }) ?? "", /^session-[0-9a-f]{64}$/);
    assert.equal(sessionTag({}), undefined);
  });
});
