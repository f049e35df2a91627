// Passwords: Argon2id, with the parameters that the library and OWASP recommend (19 MiB, two passes, one lane).
// Tests: test/http/auth.test.ts, test/http/user-access.test.ts
import { randomBytes, randomUUID } from "node:crypto";
import { availableParallelism } from "node:os";
import { hash, verify } from "@node-rs/argon2";
import { BoundedWork, TooMuchWork } from "../../http/bounded-work.js";
import { HttpProblem } from "../../http/problem.js";

/**
 * Hashes run in Node's thread pool, of four threads, where signatures of tokens are checked, too. Half of
 * them, and never all of the machine's cores, are for passwords; whoever sends many logins waits behind those
 * who send one.
 */
export const passwordWork = new BoundedWork({
  atOnce: Math.max(1, Math.min(2, availableParallelism() - 1)),
  atOncePerCaller: 1,
  waitingPerCaller: 8,
  waiting: 64,
});

/**
 * The hash to store, in the PHC string format: its salt and parameters are part of it.
 * @param caller whom it is for: the client's address. Default: a caller of its own
 * @throws HttpProblem 503 where too many passwords wait to be hashed
 */
export async function hashPassword(password: string, caller?: string): Promise<string> {
  return await inTurn(caller, () => hash(password));
}

async function inTurn<T>(caller: string = randomUUID(), work: () => Promise<T>): Promise<T> {
  try {
    return await passwordWork.run(caller, work);
  } catch (error) {
    if (!(error instanceof TooMuchWork)) throw error;
    throw new HttpProblem(503, {
      detail: "Too many logins are being checked now. Try again.",
      headers: { "Retry-After": "1" },
      cause: error,
    });
  }
}

// Made when first needed: what is compared with where there is nothing to compare with.
let decoy: Promise<string> | undefined;

/**
 * Whether the password is the one that was hashed. Without a hash the answer is no, after just as much work:
 * how long it takes must not tell which users there are.
 * @param caller who wants to know: the client's address. Default: a caller of its own
 * @throws HttpProblem 503 where too many passwords wait to be checked
 */
export async function verifyPassword(
  passwordHash: string | null,
  password: string,
  caller?: string,
): Promise<boolean> {
  decoy ??= hash(randomBytes(32).toString("hex"));
  const compared = passwordHash ?? (await decoy);
  const verified = await inTurn(caller, () => verify(compared, password));
  return passwordHash !== null && verified;
}
