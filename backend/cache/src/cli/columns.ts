// Tables of text for terminals: columns side by side, the widest texts cut where they do not fit.
// Tests: test/unit/cli-columns.test.ts
import { stripVTControlCharacters } from "node:util";

export interface Column {
  readonly title: string;
  /** Figures stand to the right. */
  readonly isFigure?: boolean;
  /** Keys, URLs and sentences may be cut. Figures and names never are. */
  readonly mayCut?: boolean;
  /** Left out where the line does not fit, the last one first. */
  readonly mayDrop?: boolean;
}

const GAP = "  ";
const LEAST_CHARACTERS = 12;
const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });
/** East Asian Wide and Fullwidth (UAX 11), and emoji. */
const WIDE =
  /^[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]|^\p{Emoji_Presentation}/u;

/** Columns of a terminal that a text takes. */
export function widthOf(text: string): number {
  const plain = stripVTControlCharacters(text);
  if (/^[\x20-\x7e]*$/.test(plain)) return plain.length;
  let width = 0;
  for (const { segment } of graphemes.segment(plain)) width += WIDE.test(segment) ? 2 : 1;
  return width;
}

/** The beginning of a text without colours that takes at most `width`, with `…` where there was more. */
export function cut(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  let kept = "";
  let taken = 0;
  for (const { segment } of graphemes.segment(text)) {
    taken += WIDE.test(segment) ? 2 : 1;
    if (taken > width - 1) break;
    kept += segment;
  }
  return `${kept}…`;
}

/** Lines of a table, of texts without colours. `undefined` for `width`: nothing is cut or left out. */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width: number | undefined,
): string[] {
  const widths = columns.map(({ title }, column) =>
    Math.max(widthOf(title), ...rows.map((row) => widthOf(row[column] ?? ""))),
  );
  if (width !== undefined) {
    shrink(columns, widths, width);
    const dropped = columns.findLastIndex(({ mayDrop }) => mayDrop);
    const isKept = (_: unknown, column: number) => column !== dropped;
    if (lineWidth(widths) > width && dropped !== -1)
      return table(
        columns.filter(isKept),
        rows.map((row) => row.filter(isKept)),
        width,
      );
  }
  const lineOf = (cells: readonly string[]) =>
    cells
      .map((cell, column) => {
        const room = widths[column] ?? 0;
        const text = columns[column]?.mayCut ? cut(cell, room) : cell;
        const space = " ".repeat(Math.max(0, room - widthOf(text)));
        return columns[column]?.isFigure ? space + text : text + space;
      })
      .join(GAP)
      .trimEnd();
  return [columns.map(({ title }) => title), ...rows].map(lineOf);
}

function lineWidth(widths: readonly number[]): number {
  return widths.reduce((sum, each) => sum + each, GAP.length * (widths.length - 1));
}

/** Takes from the widest column that may be cut, until the line fits or none can give more. */
function shrink(columns: readonly Column[], widths: number[], width: number): void {
  while (lineWidth(widths) > width) {
    const able = columns.flatMap(({ mayCut }, index) =>
      mayCut && (widths[index] ?? 0) > LEAST_CHARACTERS ? [index] : [],
    );
    const [first, ...others] = able;
    if (first === undefined) return;
    const widest = others.reduce(
      (best, each) => ((widths[each] ?? 0) > (widths[best] ?? 0) ? each : best),
      first,
    );
    const second = Math.max(
      LEAST_CHARACTERS,
      ...others.map((each) => (each === widest ? 0 : (widths[each] ?? 0))),
    );
    const needed = (widths[widest] ?? 0) - (lineWidth(widths) - width);
    widths[widest] = Math.max(
      LEAST_CHARACTERS,
      Math.min((widths[widest] ?? 0) - 1, Math.max(needed, second - 1)),
    );
  }
}

/** A text over several lines of at most `width`, cut between words. */
export function wrap(text: string, width: number | undefined): string[] {
  if (width === undefined || width < LEAST_CHARACTERS) return [text];
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (line !== "" && widthOf(longer) > width) {
      lines.push(line);
      line = word;
    } else line = longer;
  }
  return [...lines, line];
}
