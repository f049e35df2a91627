// What a constraint that refused a write means to the client.
// Tests: test/http/crud.test.ts
import { constraintViolation } from "../db/database-errors.js";
import { forbidden, HttpProblem } from "../http/problem.js";
import type { ModuleDefinition } from "./module-definition.js";

/** Runs a write; refusals of the modules' constraints become problems. */
export async function explainingConstraints<T>(
  modules: readonly ModuleDefinition[],
  write: () => Promise<T>,
): Promise<T> {
  try {
    return await write();
  } catch (error) {
    throw constraintProblem(modules, error) ?? error;
  }
}

function constraintProblem(modules: readonly ModuleDefinition[], error: unknown): HttpProblem | undefined {
  const violation = constraintViolation(error);
  if (!violation) return undefined;
  const { constraint, kind } = violation;
  if (constraint.endsWith("_tenant_id_fkey")) return forbidden("The tenant of your token does not exist.");
  const meaning = modules
    .map((module) => module.constraints[constraint])
    .find((found) => found !== undefined);
  if (!meaning) return undefined;
  const errors = [{ pointer: `#/${meaning.field}`, message: meaning.message }];
  return kind === "unique"
    ? new HttpProblem(409, { detail: "Another record is in the way: see errors.", errors, cause: error })
    : new HttpProblem(400, { detail: "The body is not valid: see errors.", errors, cause: error });
}
