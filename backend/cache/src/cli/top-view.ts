// What `top` shows, of a Redis or of an app: figures, and tables of the busiest. On a terminal a screen, elsewhere a line or a value a sample.
// Tests: test/integration/cli-live.test.ts
import { type Column, cut, table } from "./columns.js";
import type { Context } from "./context.js";
import { repeat } from "./lasting.js";
import type { Output } from "./output.js";
import { Screen } from "./screen.js";

export interface TopOptions {
  readonly intervalMs: number;
  /** Samples; `undefined`: until somebody ends it. */
  readonly count?: number | undefined;
}

export interface TopSample {
  readonly title: string;
  /** With `--json`. */
  readonly value: object;
  readonly figures: readonly { readonly label: string; readonly text: string; readonly isBad?: boolean }[];
  readonly tables: readonly {
    readonly columns: readonly Column[];
    readonly rows: readonly (readonly string[])[];
  }[];
}

/** @param sample takes one; called once an interval */
export async function showTop(
  context: Context,
  { intervalMs, count }: TopOptions,
  sample: () => Promise<TopSample>,
): Promise<void> {
  const { output } = context;
  let left = count ?? Number.POSITIVE_INFINITY;
  const screen =
    output.isTerminal && !output.isJson
      ? new Screen({ stdin: process.stdin, stdout: process.stdout }, () => context.end())
      : undefined;
  // A warning would stand in the middle of the screen.
  const warnings: string[] = [];
  const quiet = screen ? { ...output, warn: (text: string) => void warnings.push(text) } : output;
  screen?.open();
  try {
    await repeat({ ...context, output: quiet }, intervalMs, async () => {
      const taken = await sample();
      if (context.ended.aborted) return "done";
      output.jsonLine(taken.value);
      if (screen) screen.show((columns, rows) => drawn(output, taken, warnings.at(-1), columns, rows));
      else output.line(plainLine(taken));
      left -= 1;
      return left > 0 ? "go on" : "done";
    });
  } finally {
    screen?.close();
  }
}

function plainLine({ figures }: TopSample): string {
  const at = new Date().toISOString().slice(11, 19);
  return [at, ...figures.map(({ label, text }) => `${label} ${text}`)].join("  ");
}

function drawn(
  output: Output,
  { title, figures, tables }: TopSample,
  warning: string | undefined,
  columns: number,
  rows: number,
): string[] {
  const lines = [
    cut(title, columns),
    ...figureLines(output, figures, columns),
    ...(warning === undefined ? [] : [output.paint("yellow", cut(warning, columns))]),
  ];
  const shown = tables.filter((each) => each.rows.length > 0);
  // Each has a line in front and a head; the last line says how to leave.
  const room = Math.max(1, Math.floor((rows - lines.length - 2) / Math.max(1, shown.length)) - 2);
  for (const { columns: of, rows: all } of shown) {
    const [head = "", ...others] = table(of, all.slice(0, room), columns);
    lines.push("", output.paint("bold", head), ...others);
  }
  const foot = output.paint("dim", cut("q ends", columns));
  const above = lines.slice(0, rows - 1);
  return [...above, ...Array.from({ length: Math.max(0, rows - 1 - above.length) }, () => ""), foot];
}

/** As many beside each other as there is room for. */
function figureLines(output: Output, figures: TopSample["figures"], columns: number): string[] {
  const lines: string[] = [];
  let [line, width] = ["", 0];
  for (const { label, text, isBad } of figures) {
    const plain = `${label} ${text}`;
    const painted = `${output.paint("dim", label)} ${output.paint(isBad ? "red" : "bold", text)}`;
    if (line !== "" && width + 3 + plain.length > columns) {
      lines.push(line);
      [line, width] = ["", 0];
    }
    line += `${line === "" ? "" : "   "}${painted}`;
    width += (width === 0 ? 0 : 3) + plain.length;
  }
  return [...lines, line];
}
