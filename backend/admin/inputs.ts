// What operators type beside the command itself: passwords on standard input, and texts for the record.
// Tests: test/faults/admin.test.ts
import { text } from "node:stream/consumers";
import { text as oneLine } from "../modules/field-types.js";
import { wrongArguments } from "./outcome.js";
import type { GivenPassword } from "./users.js";

interface PasswordOptions {
  readonly passwordStdin?: boolean;
  readonly permanent?: boolean;
}

export async function given({ passwordStdin, permanent }: PasswordOptions): Promise<GivenPassword> {
  const password = passwordStdin ? (await text(process.stdin)).replace(/\r?\n$/, "") : undefined;
  return { password, permanent };
}

/** One line of text, which is all that the record takes. @throws AdminError where it is none */
export function plain(option: string, value: string | undefined): string | undefined {
  if (value === undefined) return undefined;
  const checked = oneLine(500).safeParse(value);
  if (checked.success) return checked.data;
  throw wrongArguments(`${option} ${checked.error.issues[0]?.message}`);
}
