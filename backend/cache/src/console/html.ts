// The console's templates: a tag that escapes whatever is put in, so that no page can forget to.
// Tests: test/unit/console-parts.test.ts
import type { ConsoleHtml, ConsoleInsertion } from "../options/console-pages.js";

/** Made by {@link html} alone: its text is markup. */
export class Html implements ConsoleHtml {
  readonly text: string;

  /** @internal */
  constructor(text: string) {
    this.text = text;
  }
}

const ESCAPES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/**
 * Markup with values in it. Values are escaped for text and for attributes in quotes, which is where they may
 * stand; `undefined`, `null` and `false` are nothing.
 */
export function html(markup: TemplateStringsArray, ...values: readonly ConsoleInsertion[]): Html {
  return new Html(markup.reduce((text, part, index) => text + inserted(values[index - 1]) + part));
}

function inserted(value: ConsoleInsertion): string {
  if (value === undefined || value === null || value === false) return "";
  if (value instanceof Html) return value.text;
  if (Array.isArray(value)) return value.map(inserted).join("");
  return String(value).replaceAll(/[&<>"']/g, (character) => ESCAPES[character] ?? "");
}

/** A relative URL of the console: a page's name, and what it is asked. */
export function link(page: string, parameters: Readonly<Record<string, string | undefined>> = {}): string {
  const given = Object.entries(parameters).filter((pair): pair is [string, string] => pair[1] !== undefined);
  const query = new URLSearchParams(given).toString();
  return query === "" ? page : `${page}?${query}`;
}
