// What callers give: checked by schemas also where no route has done so, and bounded in size.
// Tests: test/unit/overlay-values.test.ts
import * as z from "zod";
import { named } from "../../http/openapi/named-schemas.js";
import { HttpProblem } from "../../http/problem.js";
import { MAX_NESTING, nestsDeeper } from "../../http/validation.js";

const ID = /^[A-Za-z0-9][A-Za-z0-9._~-]{0,99}$/;

/** Of records and sessions: what may be part of a key and a path as it is. */
export const plainId = () => z.string().regex(ID, "must be 1 to 100 letters, digits, or . _ ~ -");

/** Of a person: `crmSystem:crmId`, or the id of a contact. */
export const subjectId = () =>
  z
    .string()
    .min(1)
    .max(200)
    .regex(/^[^\p{Cc}\p{Cs}\s]+$/u, "must not contain white space or control characters");

export const anyJson = named("AnyJson", z.json());

/** Any JSON object of moderate depth. */
export const jsonObject = () => z.record(z.string().min(1).max(100), anyJson);

/** @throws HttpProblem 400 */
export function checked<T>(schema: z.ZodType<T>, given: unknown, what: string): T {
  if (nestsDeeper(given, MAX_NESTING))
    throw new HttpProblem(400, { detail: `The ${what} has more than ${MAX_NESTING} levels.` });
  const result = schema.safeParse(given);
  if (result.success) return result.data;
  const errors = result.error.issues
    .slice(0, 20)
    .map(({ path, message }) => ({ pointer: `#/${path.map(String).join("/")}`, message }));
  throw new HttpProblem(400, { detail: `The ${what} is not valid: see errors.`, errors });
}

/** @throws HttpProblem 413 */
export function requireSize(value: unknown, maxBytes: number, what: string): void {
  const bytes = Buffer.byteLength(JSON.stringify(value));
  if (bytes > maxBytes)
    throw new HttpProblem(413, { detail: `${what} has ${bytes} bytes, and ${maxBytes} are the most.` });
}
