// Commands as RESP has them on the wire: arrays of bulk strings.
// Tests: test/integration/direct-connection.test.ts

/** A command all of whose parts are text. */
export function commandOf(...parts: readonly string[]): string {
  let command = `*${parts.length}\r\n`;
  for (const part of parts) command += bulkOf(part);
  return command;
}

/**
 * A command with bytes in it, in pieces that follow each other. A part that is a list of bytes is one value, in pieces itself:
 * they are sent as they are, because room for a copy costs more than all else here.
 */
export function piecesOf(parts: readonly (string | number | readonly Buffer[])[]): (string | Buffer)[] {
  const pieces: (string | Buffer)[] = [];
  let text = `*${parts.length}\r\n`;
  for (const part of parts) {
    if (typeof part === "string") text += bulkOf(part);
    else if (typeof part === "number") text += bulkOf(String(part));
    else {
      const bytes = part.reduce((sum, { length }) => sum + length, 0);
      pieces.push(`${text}$${bytes}\r\n`, ...part);
      text = "\r\n";
    }
  }
  pieces.push(text);
  return pieces;
}

function bulkOf(part: string): string {
  return `$${Buffer.byteLength(part)}\r\n${part}\r\n`;
}
