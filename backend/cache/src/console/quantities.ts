// Figures as pages write them: with their units, and "–" where nobody knows.
// Tests: test/integration/console-pages.test.ts

const UNKNOWN = "–";
const WHOLE = new Intl.NumberFormat("en");

export function count(value: number | null | undefined): string {
  return typeof value === "number" ? WHOLE.format(value) : UNKNOWN;
}

export function percent(share: number | null | undefined): string {
  return typeof share === "number" ? `${(share * 100).toFixed(1)} %` : UNKNOWN;
}

export function bytes(value: number | null | undefined): string {
  if (typeof value !== "number") return UNKNOWN;
  if (value < 1024) return `${value} B`;
  const units = ["KiB", "MiB", "GiB", "TiB"];
  const power = Math.min(Math.floor(Math.log2(value) / 10), units.length);
  return `${(value / 1024 ** power).toFixed(1)} ${units[power - 1]}`;
}

export function milliseconds(value: number | null | undefined): string {
  return typeof value === "number" ? `${value < 10 ? value.toFixed(2) : Math.round(value)} ms` : UNKNOWN;
}

/** `45 s`, `12 min`, `3.5 h`, `2.1 d`. */
export function seconds(value: number): string {
  if (value < 120) return `${Math.round(value)} s`;
  if (value < 7200) return `${Math.round(value / 60)} min`;
  return value < 172_800 ? `${(value / 3600).toFixed(1)} h` : `${(value / 86_400).toFixed(1)} d`;
}

/** `2026-01-31 12:00:00Z`. */
export function time(at: Date | number): string {
  return `${new Date(at).toISOString().slice(0, 19).replace("T", " ")}Z`;
}
