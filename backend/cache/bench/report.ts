// What a suite hands over, and how it is printed: on the console, as Markdown, as JSON.
import CliTable from "cli-table3";

export interface Table {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** One row of the table of what has to be reached. */
export interface Verdict {
  readonly path: string;
  /** What is asked for, in words. */
  readonly floor: string;
  /** What was seen. */
  readonly figure: string;
  readonly reached: boolean;
}

export interface SuiteReport {
  readonly suite: string;
  readonly tables: readonly Table[];
  readonly verdicts: readonly Verdict[];
  /** What could not be measured, and why. */
  readonly failures: readonly string[];
  /** Every round, for the JSON file. */
  readonly rounds: unknown;
}

export function verdictTable(verdicts: readonly Verdict[]): Table {
  return {
    title: "Floors",
    head: ["path", "floor", "measured", "reached"],
    rows: verdicts.map(({ path, floor, figure, reached }) => [path, floor, figure, reached ? "yes" : "NO"]),
  };
}

/** Rows of numbers: every column but the first to the right. */
export function formatForConsole({ title, head, rows }: Table): string {
  const table = new CliTable({
    head: head.map(plain),
    colAligns: head.map((_, column) => (column === 0 ? "left" : "right")),
    style: { head: [], border: [] },
  });
  table.push(...rows.map((row) => row.map(plain)));
  return `\n${plain(title)}\n${table.toString()}`;
}

export function formatAsMarkdown({ title, head, rows }: Table, heading: string): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const rule = head.map((_, column) => (column === 0 ? "---" : "---:"));
  return [`${heading} ${title}`, "", line(head), line(rule), ...rows.map(line), ""].join("\n");
}

function plain(cell: string): string {
  return cell.replaceAll("`", "");
}
