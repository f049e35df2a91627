// A terminal that is drawn anew each second, and left as it was found: by q, Ctrl-C, a signal, or an error.
// Tests: test/integration/cli-live.test.ts

/** Of xterm and all that follow it. */
const ENTER = "\u001b[?1049h\u001b[?25l";
const LEAVE = "\u001b[?25h\u001b[?1049l";
const HOME = "\u001b[H";
const END_OF_LINE = "\u001b[K";
const REST = "\u001b[J";
const [CTRL_C, CTRL_D, CTRL_L, CTRL_Z, ESCAPE] = ["\u0003", "\u0004", "\f", "\u001a", "\u001b"];

export interface ScreenStreams {
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
}

export class Screen {
  readonly #stdin: NodeJS.ReadStream;
  readonly #stdout: NodeJS.WriteStream;
  readonly #end: () => void;
  #draw: (columns: number, rows: number) => readonly string[] = () => [];
  #isOpen = false;

  /** @param end called where somebody asks for the end by a key */
  constructor({ stdin, stdout }: ScreenStreams, end: () => void) {
    this.#stdin = stdin;
    this.#stdout = stdout;
    this.#end = end;
  }

  open(): void {
    this.#enter();
    this.#stdin.on("data", this.#pressed);
    this.#stdout.on("resize", this.#redraw);
    process.on("SIGCONT", this.#continued);
    // Whatever ends the process.
    process.on("exit", this.#leave);
  }

  close(): void {
    this.#stdin.off("data", this.#pressed);
    this.#stdout.off("resize", this.#redraw);
    process.off("SIGCONT", this.#continued);
    process.off("exit", this.#leave);
    this.#leave();
  }

  /** Draws, now and whenever the terminal changes. */
  show(draw: (columns: number, rows: number) => readonly string[]): void {
    this.#draw = draw;
    this.#redraw();
  }

  readonly #redraw = (): void => {
    if (!this.#isOpen) return;
    // Some pseudo-terminals have a size of 0.
    const [columns, rows] = [this.#stdout.columns || 80, this.#stdout.rows || 24];
    const lines = this.#draw(columns, rows).slice(0, rows);
    this.#stdout.write(`${HOME}${lines.map((line) => line + END_OF_LINE).join("\r\n")}${REST}`);
  };

  #enter(): void {
    if (this.#isOpen) return;
    this.#isOpen = true;
    this.#stdout.write(ENTER);
    // Standard input may be something else than the terminal: then signals alone end it.
    if (this.#stdin.isTTY) this.#stdin.setRawMode(true).resume();
  }

  readonly #leave = (): void => {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    if (this.#stdin.isTTY) this.#stdin.setRawMode(false).pause();
    this.#stdout.write(LEAVE);
  };

  readonly #continued = (): void => {
    this.#enter();
    this.#redraw();
  };

  readonly #pressed = (data: Buffer): void => {
    const keys = data.toString();
    // In raw mode the terminal makes no signals of keys.
    if (keys === CTRL_C || keys === CTRL_D || keys === ESCAPE || /^q$/i.test(keys)) this.#end();
    else if (keys === CTRL_L) this.#redraw();
    else if (keys === CTRL_Z) {
      this.#leave();
      // With npm or npx in front of it: the whole of the job, as the terminal itself would.
      process.kill(0, "SIGTSTP");
    }
  };
}
