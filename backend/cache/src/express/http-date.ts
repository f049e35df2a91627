// HTTP dates (RFC 9110 section 5.6.7), which Date.parse reads wrongly: two-digit years, and asctime as local time.

const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const TIME = "(\\d{2}):(\\d{2}):(\\d{2})";
const IMF_FIXDATE = new RegExp(`^[a-z]{3}, (\\d{2}) ([a-z]{3}) (\\d{4}) ${TIME} GMT$`, "i");
const RFC_850 = new RegExp(`^[a-z]+, (\\d{2})-([a-z]{3})-(\\d{2}) ${TIME} GMT$`, "i");
const ASCTIME = new RegExp(`^[a-z]{3} ([a-z]{3}) ([ \\d]\\d) ${TIME} (\\d{4})$`, "i");

/** Milliseconds since the epoch, or `undefined` for what is none of the three formats. */
export function parseHttpDate(text: string | undefined, nowMs = Date.now()): number | undefined {
  const date = text?.trim() ?? "";
  let match = IMF_FIXDATE.exec(date);
  if (match) return utc(match[3], match[2], match[1], match.slice(4));
  match = RFC_850.exec(date);
  if (match) return utc(fullYear(Number(match[3]), nowMs), match[2], match[1], match.slice(4));
  match = ASCTIME.exec(date);
  return match ? utc(match[6], match[1], match[2], match.slice(3, 6)) : undefined;
}

/**
 * A year that appears to be more than 50 years in the future is the most recent one in the past that ends so.
 */
function fullYear(lastTwoDigits: number, nowMs: number): number {
  const thisYear = new Date(nowMs).getUTCFullYear();
  const year = thisYear - (thisYear % 100) + lastTwoDigits;
  return year > thisYear + 50 ? year - 100 : year;
}

function utc(
  year: string | number | undefined,
  month: string | undefined,
  day: string | undefined,
  time: readonly (string | undefined)[],
): number | undefined {
  const monthIndex = MONTHS.indexOf(month?.toLowerCase() ?? "");
  const [hours, minutes, seconds] = time.map(Number);
  const milliseconds = Date.UTC(Number(year), monthIndex, Number(day), hours, minutes, seconds);
  return monthIndex === -1 || Number.isNaN(milliseconds) ? undefined : milliseconds;
}
