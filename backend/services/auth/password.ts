// Passwords: Argon2id, with the parameters that the library and OWASP recommend (19 MiB, two passes, one lane).
import { randomBytes } from "node:crypto";
import { hash, verify } from "@node-rs/argon2";

/** The hash to store, in the PHC string format: its salt and parameters are part of it. */
export async function hashPassword(password: string): Promise<string> {
  return await hash(password);
}

// Made when first needed: what is compared with where there is nothing to compare with.
let decoy: Promise<string> | undefined;

/**
 * Whether the password is the one that was hashed. Without a hash the answer is no, after just as much work: how long
 * it takes must not tell which users there are.
 */
export async function verifyPassword(passwordHash: string | null, password: string): Promise<boolean> {
  decoy ??= hashPassword(randomBytes(32).toString("hex"));
  const verified = await verify(passwordHash ?? (await decoy), password);
  return passwordHash !== null && verified;
}
