// Texts that others have sent, as terminals and logs may show them.
// Tests: test/unit/printable.test.ts

/** Control and format characters become spaces: none can steer a terminal, or make one line look like two. */
export function printable(text: string): string {
  return text.replaceAll(/\p{Cc}|\p{Cf}|\p{Zl}|\p{Zp}/gu, " ");
}
