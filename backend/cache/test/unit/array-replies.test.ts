// Replies that are lists: the same values, however the bytes arrive and whatever becomes of the buffer afterwards.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import fc from "fast-check";
import {
  type ArrayQuestion,
  ArrayReplies,
  type ArrayValue,
  OWN_ROOM,
} from "../../src/store/redis/array-replies.js";

interface Reply extends ArrayQuestion {
  readonly values: readonly ArrayValue[];
  /** What comes behind the values, as Redis writes it; `undefined` where nothing was asked. */
  readonly proof: string | undefined;
}

/** As Redis writes it. */
function encode(values: readonly ArrayValue[]): Buffer {
  const pieces = values.map((value) => {
    if (value === null) return Buffer.from("$-1\r\n");
    const body = typeof value === "string" ? Buffer.from(value, "latin1") : value;
    return Buffer.concat([Buffer.from(`$${body.length}\r\n`), body, Buffer.from("\r\n")]);
  });
  return Buffer.concat([Buffer.from(`*${values.length}\r\n`), ...pieces]);
}

type Read = ArrayValue[] | string | { readonly values: ArrayValue[]; readonly proof: string };

/** What is read from bytes that arrive in pieces, all of them in one buffer. */
function readInPieces(
  bytes: Buffer,
  pieceBytes: readonly number[],
  questions: readonly ArrayQuestion[],
): Read[] {
  const read: Read[] = [];
  const replies = new ArrayReplies({
    next: () => questions[read.length],
    values: (values, proof) => void read.push(proof === null ? values : { values, proof }),
    refused: (message) => void read.push(message),
  });
  const buffer = Buffer.alloc(bytes.length + 64);
  for (let offset = 0, piece = 0; offset < bytes.length; piece++) {
    const length = Math.min(pieceBytes[piece % pieceBytes.length] ?? 1, bytes.length - offset);
    // What an earlier piece has left behind must not be read.
    buffer.fill("\n$7\r\n");
    bytes.copy(buffer, 0, offset, offset + length);
    replies.take(buffer, length);
    offset += length;
  }
  buffer.fill(0);
  return read;
}

const text = fc
  .stringMatching(/^[!-~\r\n$*]{0,40}$/)
  .map((value): ArrayValue => value)
  .filter((value) => value !== null);
/** A text, a number, nothing at all, or that there is none. */
const proof = fc.oneof(
  text.map((value) => `$${String(value).length}\r\n${value}\r\n`),
  fc.nat().map((number) => `:${number}\r\n`),
  fc.constantFrom("$-1\r\n", undefined),
);
const body = fc.uint8Array({ maxLength: 300 }).map((bytes): ArrayValue => Buffer.from(bytes));
const reply = fc
  .tuple(
    fc.array(fc.option(text), { minLength: 1, maxLength: 5 }),
    fc.array(fc.option(body), { maxLength: 5 }),
    proof,
  )
  .map(([texts, bodies, proof]): Reply => {
    const values = [...texts, ...bodies];
    const hasProof = proof !== undefined;
    return { values, texts: texts.length, count: values.length, room: OWN_ROOM, hasProof, proof };
  });

/** What is to be read of it. */
function expected({ values, proof }: Reply): Read {
  const text = proof && /^\$\d+\r\n(.*)\r\n$/s.exec(proof)?.[1];
  return text === undefined ? [...values] : { values: [...values], proof: text };
}

describe("replies that are lists", () => {
  test("are read as they were written, in whatever pieces", () => {
    fc.assert(
      fc.property(
        fc.array(reply, { minLength: 1, maxLength: 4 }),
        fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 10 }),
        (written, pieceBytes) => {
          const pieces = written.flatMap(({ values, proof = "" }) => [encode(values), Buffer.from(proof)]);
          assert.deepEqual(readInPieces(Buffer.concat(pieces), pieceBytes, written), written.map(expected));
        },
      ),
      { numRuns: 500 },
    );
  });

  test("an error answers one question, and the next reply the next one", () => {
    const bytes = Buffer.concat([Buffer.from("-OOM command not allowed\r\n"), encode(["a"])]);
    const questions = [
      { count: 3, texts: 1, room: OWN_ROOM },
      { count: 1, texts: 1, room: OWN_ROOM },
    ];
    for (const pieceBytes of [1, 7, 1000])
      assert.deepEqual(readInPieces(bytes, [pieceBytes], questions), ["OOM command not allowed", ["a"]]);
  });

  test("where a proof was asked for, an error in the place of either answers both", () => {
    const asked = { count: 1, texts: 1, room: OWN_ROOM, hasProof: true };
    const bytes = [
      ...[encode(["a"]), Buffer.from("-READONLY\r\n")],
      ...[Buffer.from("-OOM\r\n"), Buffer.from(":0\r\n")],
      ...[Buffer.from("-LOADING\r\n"), Buffer.from("-BUSY\r\n")],
      ...[encode(["b"]), Buffer.from("$1\r\nx\r\n")],
    ];
    for (const pieceBytes of [1, 7, 1000]) {
      const read = readInPieces(Buffer.concat(bytes), [pieceBytes], [asked, asked, asked, asked]);
      assert.deepEqual(read, ["READONLY", "OOM", "LOADING", { values: ["b"], proof: "x" }]);
    }
  });

  test("numbers are texts, and a status before them answers the command before", () => {
    const asked = { count: 2, texts: 2, room: OWN_ROOM, hasStatus: true };
    const numbers = "*2\r\n:1\r\n:-20\r\n";
    const bytes = Buffer.from(
      `+OK\r\n${numbers}-OOM\r\n${numbers}+OK\r\n-NOSCRIPT\r\n-OOM\r\n-NOPERM\r\n+OK\r\n${numbers}`,
    );
    for (const pieceBytes of [1, 7, 1000]) {
      const read = readInPieces(bytes, [pieceBytes], [asked, asked, asked, asked, asked]);
      assert.deepEqual(read, [["1", "-20"], "OOM", "NOSCRIPT", "OOM", ["1", "-20"]]);
    }
    const unasked = { ...asked, hasStatus: false };
    assert.throws(() => readInPieces(bytes, [1000], [unasked]), /neither values nor an error/);
  });

  test("a reply of another length, or of another kind, is nobody's answer", () => {
    const read = (bytes: Buffer, questions: readonly ArrayQuestion[]) => () =>
      readInPieces(bytes, [1000], questions);
    const one = { count: 1, texts: 1, room: OWN_ROOM };
    assert.throws(read(encode(["a", "b"]), [one]), /another question/);
    assert.throws(read(encode(["a"]), []), /another question/);
    assert.throws(read(Buffer.from("+OK\r\n"), [one]), /neither values nor an error/);
    assert.throws(read(Buffer.from("*1\r\n+OK\r\n"), [one]), /ends early/);
    assert.throws(read(Buffer.from("*1\r\n$1x\r\n"), [one]), /no number/);
    assert.throws(read(Buffer.from(`-${"e".repeat(2000)}`), [one]), /too long/);
  });
});
