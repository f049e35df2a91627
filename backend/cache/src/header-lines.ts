// Header fields as people write them: a line for each, `Name: value`.
// Tests: test/unit/cli-targets.test.ts, test/integration/console-explain.test.ts

/** `undefined` where the line is none. */
export function headerOf(line: string): readonly [name: string, value: string] | undefined {
  const colon = line.indexOf(":");
  const [name, value] = [line.slice(0, Math.max(colon, 0)).trim(), line.slice(colon + 1).trim()];
  try {
    new Headers([[name, value]]);
    return [name, value];
  } catch {
    return undefined;
  }
}

/**
 * Of a request, by their names; a field that comes twice is one with both values, as Node reads it. `undefined` where
 * a line is none.
 */
export function headersOfLines(lines: readonly string[]): Readonly<Record<string, string>> | undefined {
  const headers = new Headers();
  for (const line of lines) {
    if (line.trim() === "") continue;
    const header = headerOf(line);
    if (!header) return undefined;
    headers.append(...header);
  }
  return Object.fromEntries(headers);
}
