// What errors say, for logs and for decisions: without keys, and without the words that hide the reason.
// Tests: test/faults/refusals.test.ts, test/faults/nameless-server.test.ts

import { isError } from "../../thrown.js";
import { StoreFull } from "../store-errors.js";

/** What an error says; where it only counts others, what the first of them says. */
export function messageOf(error: unknown): string {
  if (!isError(error)) return String(error);
  // Of Node (both addresses of a host), and of ioredis's Cluster (all nodes).
  const { errors, lastNodeError, code } = error as {
    readonly errors?: readonly unknown[];
    readonly lastNodeError?: unknown;
    readonly code?: unknown;
  };
  if (lastNodeError !== undefined && lastNodeError !== null) return messageOf(lastNodeError);
  if (error.message === "" && errors?.[0] !== undefined) return messageOf(errors[0]);
  if (error.message === "") return typeof code === "string" ? code : error.name;
  // ioredis gives a command up whose connection has gone, because it is to be tried no second time.
  if (error.name === "MaxRetriesPerRequestError") return "Connection is closed.";
  const message = withoutDetails(error.message);
  const rule = ruleFor(message);
  return rule === undefined || message.endsWith(rule) ? message : message + rule;
}

/** What to allow a user who may not do what is needed. */
function ruleFor(message: string): string | undefined {
  if (!/NOPERM|ACL failure|can't run this command/.test(message)) return undefined;
  const command = /'(\S+)' command/.exec(message)?.[1] ?? /\(the (\w+) of a script\)$/.exec(message)?.[1];
  // Which of the two is asked depends on whether the connection has brought the script.
  if (command?.toLowerCase().startsWith("eval")) return "; ACL: allow +eval +evalsha";
  if (command !== undefined) return `; ACL: allow +${command.toLowerCase()}`;
  return /\bkeys?\b/.test(message) ? "; ACL: allow ~*, or ~ and the keyPrefix" : undefined;
}

/**
 * `ERR unknown command 'X', with args beginning with: 'key' …`: a key names its tenant. Which script it was,
 * and where in it, makes one reason look like many.
 */
function withoutDetails(message: string): string {
  return message
    .replace(/'evalsha'/i, "'eval'")
    .replace(/,? with args beginning with:.*$/s, "")
    .replace(/ script: [0-9a-f]{40}, on @user_script:\d+\.?$/, "")
    .replace(/Error running script \(call to f_[0-9a-f]{40}\): (@user_script: ?\d+: )*/, "");
}

/**
 * The server has no room for a new value, or has one of another type there. What is there can still be
 * removed.
 */
export function refusesValues(error: unknown): boolean {
  return error instanceof StoreFull || messageOf(error).includes("WRONGTYPE");
}

/**
 * Of the server (`proto-max-bulk-len`), which ends the connection over it, and of services and proxies that
 * bound a request.
 */
export function refusesSize(message: string): boolean {
  return /invalid bulk length|max(imum)? request size|request (is )?too large|value (is )?too large/i.test(
    message,
  );
}

/** The command is not allowed, or not there: asking again would change nothing. */
export function refusesForGood(error: unknown): boolean {
  const message = messageOf(error);
  return /^NOPERM|unknown (sub)?command|not supported|unsupported|not allowed|disabled/i.test(message);
}

/** Only a replica says so. */
export function isOfReplica(error: unknown): boolean {
  return isError(error) && /^READONLY|^MASTERDOWN|WAIT cannot be used with replica/.test(error.message);
}

/**
 * What an error that a client reports says of why its server cannot be used; `undefined` where it says
 * nothing of that.
 */
export function reasonIn(error: unknown): string | undefined {
  const { command } = Object(error) as { readonly command?: { readonly name?: unknown } };
  // ioredis goes on without the database that it was refused: the link asks once more, and says what that
  // means.
  if (command?.name === "select") return undefined;
  const message = messageOf(error);
  // That a connection has gone would hide why: the next attempt meets that.
  const isPassing =
    /^(the )?connection (is )?closed|^command aborted|^stream isn't writeable|ECONNRESET|EPIPE/i.test(
      message,
    );
  return isPassing ? undefined : message;
}
