// A violation as text: what was seen and expected, where the entry and the write come from, and all that happened around them.
import type { StoreChange } from "./checked-protocol.js";
import type { Explained } from "./explainer.js";
import type { Version } from "./judge.js";

/** Above this the beginning and the end say what is to be said. */
const SHOWN_EVENTS = 400;

/** Times in ms since the clients began. */
export function formatExplained(
  { violation, events }: Explained,
  { startedAtMs: originMs }: { readonly startedAtMs: number },
): string[] {
  const ms = (atMs: number) => (atMs - originMs).toFixed(1);
  const { kind, tenant, url, process, module, seen, expected, cacheStatus, filled } = violation;
  const half = SHOWN_EVENTS / 2;
  const left = events.length - SHOWN_EVENTS;
  const shown =
    left > 0
      ? [...events.slice(0, half), { atMs: Number.NaN, what: `(${left} more)` }, ...events.slice(-half)]
      : events;
  return [
    `    ${kind}: ${tenant} ${url}: ${module} seen ${seen}, expected ${expected} (${cacheStatus})`,
    `      read    through ${process}, sent at ${ms(violation.startedAtMs)}, answered at ${ms(violation.answeredAtMs)}`,
    `      entry   made by ${filled.process}, which read the truth between ${ms(filled.fromMs)} and ${ms(filled.toMs)}`,
    ...(violation.write ? writeLines(violation.write, ms) : []),
    "      around it (what servers became is seen up to 50 ms late; ids are the beginnings of run id/replication id)",
    ...shown.map(({ atMs, what }) =>
      Number.isNaN(atMs) ? `        ${what}` : `        ${ms(atMs).padStart(9)} ${what}`,
    ),
  ];
}

function writeLines({ version, atMs, write }: Version, ms: (atMs: number) => string): string[] {
  if (!write) return [`      write   version ${version}: a read had shown it at ${ms(atMs)}`];
  const { process, sentAtMs, answeredAtMs, record } = write;
  const how = !record ? "its process had died" : record.isDeferred ? "its invalidation waited" : "confirmed";
  return [
    `      write   version ${version}: through ${process}, sent at ${ms(sentAtMs)}, answered at ${ms(answeredAtMs)}: ${how}`,
    ...(record?.changes ?? []).map((change) => `                ${changeLine(change, ms)}`),
  ];
}

function changeLine(
  { what, port, sentAtMs, endedAtMs, toldAtMs, error }: StoreChange,
  ms: (atMs: number) => string,
): string {
  const ended = endedAtMs === undefined ? "no answer by then" : `${error ?? "confirmed"} at ${ms(endedAtMs)}`;
  const told =
    toldAtMs === undefined ? "" : `; the process had heard at ${ms(toldAtMs)} that it was replaced`;
  return `${what} sent to :${port ?? "-"} at ${ms(sentAtMs)}, ${ended}${told}`;
}
