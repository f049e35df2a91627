// What errors say, for logs and for decisions: without keys, and without the words that hide the reason.
import { StoreFull } from "../store-errors.js";

/** What an error says; where it only counts others, what the first of them says. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // Of Node (both addresses of a host), and of ioredis's Cluster (all nodes).
  const { errors, lastNodeError, code } = error as {
    readonly errors?: readonly unknown[];
    readonly lastNodeError?: unknown;
    readonly code?: unknown;
  };
  if (lastNodeError !== undefined && lastNodeError !== null) return messageOf(lastNodeError);
  if (error.message === "" && errors?.[0] !== undefined) return messageOf(errors[0]);
  if (error.message === "") return typeof code === "string" ? code : error.name;
  return withoutKeys(error.message);
}

/** `ERR unknown command 'X', with args beginning with: 'key' …`: a key names its tenant. */
function withoutKeys(message: string): string {
  return message.replace(/,? with args beginning with:.*$/s, "");
}

/** The server has no room for a new value, or has one of another type there. What is there can still be removed. */
export function refusesValues(error: unknown): boolean {
  return error instanceof StoreFull || messageOf(error).includes("WRONGTYPE");
}

/** The command is not allowed, or not there: asking again would change nothing. */
export function refusesForGood(error: unknown): boolean {
  const message = messageOf(error);
  return /^NOPERM|unknown (sub)?command|not supported|unsupported|not allowed|disabled/i.test(message);
}

/** What an error that a client reports says of why its server cannot be used; `undefined` where it says nothing of that. */
export function reasonIn(error: unknown): string | undefined {
  const { command } = Object(error) as { readonly command?: { readonly name?: unknown } };
  // ioredis goes on without the database that it was refused: the link asks once more, and says what that means.
  if (command?.name === "select") return undefined;
  const message = messageOf(error);
  // That a connection has gone would hide why: the next attempt meets that.
  const isPassing =
    /^(the )?connection (is )?closed|^command aborted|^stream isn't writeable|ECONNRESET|EPIPE/i.test(
      message,
    );
  return isPassing ? undefined : message;
}
