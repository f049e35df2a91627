// Commands as RESP has them on the wire: arrays of bulk strings.
// Tests: test/integration/direct-connection.test.ts

/** Text, a number, or one value as a list of bytes that follow each other. */
type Part = string | number | readonly Buffer[];

/** A command all of whose parts are text. */
export function commandOf(...parts: readonly string[]): string {
  const [command = ""] = piecesOf(parts) as string[];
  return command;
}

/**
 * A command in pieces that follow each other. Bytes are sent as they are, because room for a copy costs more than all else here.
 */
export function piecesOf(parts: readonly Part[]): (string | Buffer)[] {
  // A character is a byte in nearly all commands: that is asked once of all of it, and not of each part.
  const pieces = piecesBy(parts, ({ length }) => length);
  return pieces.every(isAsLong) ? pieces : piecesBy(parts, (text) => Buffer.byteLength(text));
}

function isAsLong(piece: string | Buffer): boolean {
  return typeof piece !== "string" || Buffer.byteLength(piece) === piece.length;
}

function piecesBy(parts: readonly Part[], bytesOf: (text: string) => number): (string | Buffer)[] {
  const pieces: (string | Buffer)[] = [];
  let text = `*${parts.length}\r\n`;
  for (const part of parts) {
    if (typeof part === "object") {
      const bytes = part.reduce((sum, { length }) => sum + length, 0);
      pieces.push(`${text}$${bytes}\r\n`, ...part);
      text = "\r\n";
    } else {
      const bulk = String(part);
      text += `$${bytesOf(bulk)}\r\n${bulk}\r\n`;
    }
  }
  pieces.push(text);
  return pieces;
}
