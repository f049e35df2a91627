// Texts that others have sent, as terminals and logs may show them.
// Tests: test/unit/printable.test.ts

const STEERING = /\p{Cc}|\p{Cf}|\p{Zl}|\p{Zp}/gu;

/** Control and format characters become spaces: none can steer a terminal, or make one line look like two. */
export function printable(text: string): string {
  return text.replaceAll(STEERING, " ");
}

/** JSON that steers no terminal either: `JSON.stringify` escapes those below U+0020 alone (RFC 8259 section 7). */
export function printableJson(value: unknown, indent?: number): string {
  const text = JSON.stringify(value, undefined, indent);
  return text.replaceAll(STEERING, (found) => (found === "\n" ? found : escaped(found)));
}

function escaped(found: string): string {
  return Array.from(found.split(""), (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`).join(
    "",
  );
}
