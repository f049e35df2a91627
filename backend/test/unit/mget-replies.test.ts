// Replies to MGET: the same values, however the bytes arrive and whatever becomes of the buffer afterwards.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  type MgetQuestion,
  MgetReplies,
  type MgetValue,
  OWN_ROOM,
} from "../../cache/store/redis/mget-replies.js";

interface Reply extends MgetQuestion {
  readonly values: readonly MgetValue[];
}

/** As Redis writes it. */
function encode(values: readonly MgetValue[]): Buffer {
  const pieces = values.map((value) => {
    if (value === null) return Buffer.from("$-1\r\n");
    const body = typeof value === "string" ? Buffer.from(value, "latin1") : value;
    return Buffer.concat([Buffer.from(`$${body.length}\r\n`), body, Buffer.from("\r\n")]);
  });
  return Buffer.concat([Buffer.from(`*${values.length}\r\n`), ...pieces]);
}

/** What is read from bytes that arrive in pieces, all of them in one buffer. */
function readInPieces(
  bytes: Buffer,
  pieceBytes: readonly number[],
  questions: readonly MgetQuestion[],
): (MgetValue[] | string)[] {
  const read: (MgetValue[] | string)[] = [];
  const replies = new MgetReplies({
    next: () => questions[read.length],
    values: (values) => void read.push(values),
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
  .map((value): MgetValue => value)
  .filter((value) => value !== null);
const body = fc.uint8Array({ maxLength: 300 }).map((bytes): MgetValue => Buffer.from(bytes));
const reply = fc
  .tuple(
    fc.array(fc.option(text), { minLength: 1, maxLength: 5 }),
    fc.array(fc.option(body), { maxLength: 5 }),
  )
  .map(([texts, bodies]): Reply => {
    const values = [...texts, ...bodies];
    return { values, texts: texts.length, keys: values.length, room: OWN_ROOM };
  });

describe("replies to MGET", () => {
  test("are read as they were written, in whatever pieces", () => {
    fc.assert(
      fc.property(
        fc.array(reply, { minLength: 1, maxLength: 4 }),
        fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 10 }),
        (written, pieceBytes) => {
          const bytes = Buffer.concat(written.map(({ values }) => encode(values)));
          assert.deepEqual(
            readInPieces(bytes, pieceBytes, written),
            written.map(({ values }) => values),
          );
        },
      ),
      { numRuns: 500 },
    );
  });

  test("an error answers one question, and the next reply the next one", () => {
    const bytes = Buffer.concat([Buffer.from("-OOM command not allowed\r\n"), encode(["a"])]);
    const questions = [
      { keys: 3, texts: 1, room: OWN_ROOM },
      { keys: 1, texts: 1, room: OWN_ROOM },
    ];
    for (const pieceBytes of [1, 7, 1000])
      assert.deepEqual(readInPieces(bytes, [pieceBytes], questions), ["OOM command not allowed", ["a"]]);
  });

  test("a reply of another length, or of another kind, is nobody's answer", () => {
    const read = (bytes: Buffer, questions: readonly MgetQuestion[]) => () =>
      readInPieces(bytes, [1000], questions);
    const one = { keys: 1, texts: 1, room: OWN_ROOM };
    assert.throws(read(encode(["a", "b"]), [one]), /another question/);
    assert.throws(read(encode(["a"]), []), /another question/);
    assert.throws(read(Buffer.from("+OK\r\n"), [one]), /neither values nor an error/);
    assert.throws(read(Buffer.from("*1\r\n:5\r\n"), [one]), /ends early/);
    assert.throws(read(Buffer.from("*1\r\n$1x\r\n"), [one]), /no number/);
    assert.throws(read(Buffer.from(`-${"e".repeat(2000)}`), [one]), /too long/);
  });
});
