// Prometheus's text format, read as far as tests need it.

export interface Series {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export class Exposition {
  readonly series: readonly Series[];
  /** Name to type, as `# TYPE` says. */
  readonly types: ReadonlyMap<string, string>;

  /** @throws Error for a line that is neither a comment nor a sample */
  constructor(text: string) {
    const lines = text.split("\n").filter((line) => line !== "");
    this.types = new Map(
      lines.flatMap((line) => {
        const [, name, type] = /^# TYPE (\S+) (\S+)$/.exec(line) ?? [];
        return name && type ? [[name, type] as const] : [];
      }),
    );
    this.series = lines.filter((line) => !line.startsWith("#")).map(seriesOf);
  }

  /** The value of the one series with all these labels. @throws Error where it is not one */
  value(name: string, labels: Readonly<Record<string, string>> = {}): number {
    const found = this.all(name, labels);
    const [one] = found;
    if (found.length !== 1 || !one)
      throw new Error(`${name} ${JSON.stringify(labels)}: ${found.length} series`);
    return one.value;
  }

  all(name: string, labels: Readonly<Record<string, string>> = {}): Series[] {
    return this.series.filter(
      (each) =>
        each.name === name && Object.entries(labels).every(([key, value]) => each.labels[key] === value),
    );
  }

  sum(name: string, labels: Readonly<Record<string, string>> = {}): number {
    return this.all(name, labels).reduce((sum, { value }) => sum + value, 0);
  }
}

function seriesOf(line: string): Series {
  const [, name, inner = "", value] = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
  if (name === undefined || value === undefined) throw new Error(`no sample: ${line}`);
  const labels = Object.fromEntries(
    [...inner.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, key, text]) => [key, text]),
  );
  return { name, labels, value: Number(value) };
}
