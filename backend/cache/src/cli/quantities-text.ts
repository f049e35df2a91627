// Figures as people read them: bytes, durations, ratios, counts.
// Tests: test/unit/cli-columns.test.ts

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"] as const;

/** `17 B`, `1.5 MiB`; `-` where it is not known. */
export function bytesText(bytes: number | null | undefined): string {
  if (bytes === null || bytes === undefined) return "-";
  let unit = 0;
  let value = bytes;
  while (Math.abs(value) >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? Math.round(value) : value.toFixed(value < 100 ? 1 : 0)} ${UNITS[unit]}`;
}

/** `12 s`, `3 min`, `5 h`, `2 d`; the sign of the seconds stays. */
export function durationText(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined) return "-";
  const size = Math.abs(seconds);
  if (size < 120) return `${Math.round(seconds)} s`;
  if (size < 7200) return `${Math.round(seconds / 60)} min`;
  if (size < 172_800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

/** `93.1 %`; `-` before there is anything to divide by. */
export function percentText(ratio: number | null | undefined): string {
  return ratio === null || ratio === undefined ? "-" : `${(ratio * 100).toFixed(1)} %`;
}

/** `1,234`; `-` where it is not known. */
export function countText(count: number | null | undefined): string {
  return count === null || count === undefined ? "-" : Math.round(count).toLocaleString("en-US");
}

/** A rate a second: `0.4`, `12`, `1,234`. */
export function rateText(rate: number | null | undefined): string {
  if (rate === null || rate === undefined) return "-";
  return rate > 0 && rate < 9.95 ? rate.toFixed(1) : countText(rate);
}

/** `0.42 ms`. */
export function millisecondsText(milliseconds: number): string {
  return `${milliseconds.toFixed(milliseconds < 10 ? 2 : 0)} ms`;
}

/** `1 entry`, `1,234 entries`, `- entries` where it is not known. */
export function counted(count: number | null | undefined, one: string, several = `${one}s`): string {
  return `${countText(count)} ${count === 1 ? one : several}`;
}
