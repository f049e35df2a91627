// Where a command writes: text or JSON, with colours and a width where there is a terminal.
// Tests: test/integration/cli-usage.test.ts
import { styleText } from "node:util";
import { printable, printableJson } from "../printable.js";

export type Style = "bold" | "dim" | "red" | "yellow" | "green" | "cyan";

export interface Output {
  readonly isJson: boolean;
  /** Whether standard output is a terminal. */
  readonly isTerminal: boolean;
  /** Of the terminal; `undefined` where nothing has to fit. */
  readonly columns: number | undefined;
  /** One line or more of the result. Not with `--json`. */
  line(text?: string): void;
  /** The result as one value. With `--json` alone. */
  json(value: unknown): void;
  /** One of many values, on a line of its own. With `--json` alone. */
  jsonLine(value: unknown): void;
  /** To standard error. */
  warn(text: string): void;
  /** In colour, where there is one. */
  paint(style: Style, text: string): string;
}

/** Of a process, or what stands for it. */
export interface Streams {
  readonly stdout: Sink;
  readonly stderr: Sink;
  readonly env: Readonly<Record<string, string | undefined>>;
}

interface Sink {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export function createOutput({ stdout, stderr, env }: Streams, isJson: boolean): Output {
  const isTerminal = stdout.isTTY === true;
  const hasColors = isTerminal && !isJson && !env.NO_COLOR && env.TERM !== "dumb";
  return {
    isJson,
    isTerminal,
    get columns() {
      return isTerminal && stdout.columns ? stdout.columns : undefined;
    },
    line: (text = "") => {
      if (!isJson) stdout.write(`${text}\n`);
    },
    json: (value) => {
      if (isJson) stdout.write(`${printableJson(value, isTerminal ? 2 : undefined)}\n`);
    },
    jsonLine: (value) => {
      if (isJson) stdout.write(`${printableJson(value)}\n`);
    },
    warn: (text) => void stderr.write(`${text.split("\n").map(printable).join("\n")}\n`),
    paint: (style, text) => (hasColors ? styleText(style, text) : text),
  };
}

/** A reader that has gone (`| head`) ends the command: it has what it wanted. */
export function endWithReader(stream: NodeJS.WriteStream, end: () => void): void {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE" && error.code !== "ERR_STREAM_DESTROYED") throw error;
    end();
  });
}
