// Environments of services as Compose makes them, with what the shell or .env gives.

/**
 * An environment as Compose makes it of a service's: `NAME:` passes on what is given, and `${NAME-…}`, `${NAME:-…}`, `${NAME?…}` and
 * `${NAME:?…}` mean what they mean in a shell, one inside another.
 *
 * @throws Error with the text behind the question mark
 */
export function interpolated(
  environment: Readonly<Record<string, string | null>>,
  given: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const entries = Object.entries(environment).flatMap(([name, value]) => {
    const set = value === null ? given[name] : substituted(value, given);
    return set === undefined ? [] : [[name, set] as const];
  });
  return Object.fromEntries(entries);
}

const INNERMOST = /\$\{([A-Z_]+)(:?)([-?])([^${}]*)\}/;

function substituted(text: string, given: Readonly<Record<string, string | undefined>>): string {
  let result = text;
  for (let found = INNERMOST.exec(result); found; found = INNERMOST.exec(result)) {
    const [whole, name = "", colon, operator, rest = ""] = found;
    const value = given[name];
    const isMissing = value === undefined || (colon === ":" && value === "");
    if (isMissing && operator === "?") throw new Error(rest);
    result = result.replace(whole, () => (isMissing ? rest : value));
  }
  return result;
}
