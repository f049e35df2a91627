// Notes, checkpoints and cosignatures against what others have published.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import {
  checkpointText,
  cosignatureLine,
  isSignedBy,
  openCheckpoint,
  parseCheckpoint,
  parseNote,
  parseSignerKey,
  parseVerifierKey,
  signerKey,
  signerKeyText,
  signNote,
  witnessKey,
} from "../../services/audit/signed-note.js";
import { NOTES, REAL_CHECKPOINT } from "../support/note-vectors.js";

const noteOf = (text: string) => parseNote(text) ?? assert.fail("it is a note");

describe("published vectors", () => {
  for (const { name, key, text, note } of NOTES)
    test(`${name}: the note is signed by its key, and by it alone`, () => {
      const verifier = parseVerifierKey(key);
      assert.equal(verifier.text, key);
      assert.equal(noteOf(note).text, text);
      assert.ok(isSignedBy(noteOf(note), verifier));
      const changed = noteOf(note.replace("a", "b"));
      assert.ok(!isSignedBy(changed, verifier));
      const others = NOTES.filter((other) => other.key !== key).map((other) => parseVerifierKey(other.key));
      for (const other of others) assert.ok(!isSignedBy(noteOf(note), other));
    });

  test("golang.org/x/mod/sumdb/note: the private key makes the same bytes", () => {
    const [{ secret = "", key, text, note } = assert.fail()] = NOTES;
    const signer = parseSignerKey(secret);
    assert.equal(signer.text, key);
    assert.equal(signNote(text, signer), note);
    assert.equal(signerKeyText(signer), secret);
  });

  test("a checkpoint of a log that runs, with the cosignature of a witness that runs", () => {
    const { note, keys, origin, size } = REAL_CHECKPOINT;
    for (const key of keys) {
      const opened = openCheckpoint(note, [parseVerifierKey(key)]);
      assert.deepEqual([opened?.origin, opened?.size], [origin, size]);
      assert.equal(openCheckpoint(note.replace(`${size}`, "42"), [parseVerifierKey(key)]), undefined);
    }
  });
});

describe("what is made here", () => {
  const log = signerKey("crm.example/audit", Buffer.alloc(32, 1));
  const witness = witnessKey("witness.example/w1", Buffer.alloc(32, 2));
  const checkpoint = { origin: "crm.example/audit/t", size: 7, root: Buffer.alloc(32, 3) };
  const text = checkpointText(checkpoint);

  test("opens with its key, alone and cosigned", () => {
    const note = signNote(text, log);
    assert.deepEqual(openCheckpoint(note, [log]), checkpoint);
    assert.equal(openCheckpoint(note, [witness]), undefined);
    const cosigned = note + cosignatureLine(text, witness, 1_679_315_147);
    assert.deepEqual(openCheckpoint(cosigned, [log]), checkpoint);
    assert.deepEqual(openCheckpoint(cosigned, [parseVerifierKey(witness.text)]), checkpoint);
  });

  test("the time of a cosignature is signed", () => {
    const line = cosignatureLine(text, witness, 1_679_315_147);
    const [, , encoded = ""] = line.trim().split(" ");
    const bytes = Buffer.from(encoded, "base64");
    bytes.writeBigUInt64BE(1_679_315_148n, 4);
    const forged = signNote(text, log) + line.replace(encoded, bytes.toString("base64"));
    assert.ok(!isSignedBy(noteOf(forged), witness));
  });

  test("a known key's wrong signature makes the note void", () => {
    const other = signerKey("crm.example/audit", Buffer.alloc(32, 1));
    const wrong = signNote(checkpointText({ ...checkpoint, size: 8 }), other)
      .split("\n")
      .at(-2);
    assert.equal(openCheckpoint(`${signNote(text, log)}${wrong}\n`, [log]), undefined);
  });

  test("what is no note, no checkpoint and no key is none", () => {
    for (const bad of [
      "",
      "text\n",
      "text\n\n",
      "text\n\nno line\n",
      "a\n\n\u2014 name\n",
      `${text}\n\u2014 n AAAA\n`,
    ])
      assert.equal(parseNote(bad), undefined, JSON.stringify(bad));
    const root = Buffer.alloc(32).toString("base64");
    for (const bad of [
      "",
      "o\n1\n",
      `o\n01\n${root}\n`,
      `o\n-1\n${root}\n`,
      `\n1\n${root}\n`,
      "o\n1\nAAAA\n",
    ])
      assert.equal(parseCheckpoint(bad), undefined, JSON.stringify(bad));
    const key = log.text;
    for (const bad of [
      "",
      key.slice(1),
      key.slice(0, -2),
      key.replace("+A", "+B"),
      `${key} `,
      "a+00000000+AA==",
    ])
      assert.throws(() => parseVerifierKey(bad), TypeError, bad);
    assert.throws(() => parseSignerKey(key), TypeError);
    assert.throws(() => signerKey("a name", Buffer.alloc(32)), /spaces/);
    assert.throws(() => signerKey("a", Buffer.alloc(31)), RangeError);
  });
});
