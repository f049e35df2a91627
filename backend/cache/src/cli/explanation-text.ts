// An explanation for people: every field of it, the verdict first.
// Tests: test/unit/cli-explain.test.ts
import type { Cause } from "../engine/cause-text.js";
import type {
  ExplainedEntry,
  ExplainedRoute,
  Explanation,
  MissExplanation,
  RequestExplanation,
} from "../express/explanation.js";
import { printable } from "../printable.js";
import { originText, partsText } from "./cause-line.js";
import { table } from "./columns.js";
import type { Output, Style } from "./output.js";
import { bytesText, durationText } from "./quantities-text.js";

const NOTHING = "-";
const LABEL = 13;

const VERDICT_STYLES: Readonly<Record<string, Style>> = {
  hit: "green",
  stale: "green",
  bypass: "red",
  "not-cached": "red",
};

const MEANINGS: Readonly<Record<string, string>> = {
  hit: "it would be answered from the entry",
  stale: "it would be answered from the entry, which is refreshed behind the answer",
  miss: "its handler would run",
  collapsed: "a handler that runs already would answer it",
  bypass: "it would not be looked up",
  "only-if-cached": "it would be answered 504: the client wants no handler to run",
  "answered-before": "something in front of the cache answers it",
  "not-cached": "no cacheList takes such a request",
  unanswered: "what is in front of the cache has not gone on within 5 s",
};

type Lines = [label: string, text: string | null | undefined][];

export function explanationLines(output: Output, explained: Explanation): string[] {
  const { verdict, cacheStatus, detail, status, method, url, path, route, tenant, scope, tags, key, fences } =
    explained;
  const verdictText = output.paint(VERDICT_STYLES[verdict] ?? "yellow", verdict);
  const lines: Lines = [
    ["verdict", `${verdictText}: ${MEANINGS[verdict] ?? ""}`],
    ["Cache-Status", cacheStatus],
    ["detail", detail],
    ["why", explained.miss && missText(explained.miss)],
    ["status", status === null ? null : String(status)],
    ["request", `${method} ${url}`],
    ["route", path],
    ...routeLines(route),
    ["tenant", tenant],
    ["scope", scope ?? (route ? "the tenant's own view" : null)],
    ["tags", tags.length === 0 ? null : tags.join(", ")],
    ["key", key],
    ...entryLines(explained.entry),
    ["store", storeText(explained)],
  ];
  const shown = labelled(output, lines);
  if (fences.length === 0) return shown;
  const rows = fences.map((fence) => [
    printable(fence.fence),
    fence.state,
    fence.ageSeconds === null ? NOTHING : durationText(fence.ageSeconds),
    fence.cutsOff === null ? NOTHING : fence.cutsOff ? "yes" : "no",
    fence.isMade ? "a fill: there was none" : causeText(fence.cause),
    printable(fence.key),
  ]);
  const columns = [
    { title: "fence" },
    { title: "state" },
    { title: "age", isFigure: true },
    { title: "cuts off" },
    { title: "set by", mayCut: true },
    { title: "key", mayCut: true },
  ];
  return [...shown, "", ...table(columns, rows, output.columns)];
}

export function requestLines(output: Output, request: RequestExplanation): string[] {
  const { requestId, atMs, tenant, module, path, fwd, detail, miss } = request;
  return labelled(output, [
    ["request", requestId],
    ["at", new Date(atMs).toISOString()],
    ["route", path],
    ["module", module],
    ["tenant", tenant],
    ["answer", `fwd=${fwd}`],
    ["detail", detail],
    ["why", miss && missText(miss)],
  ]);
}

/** Where a route has them; the texts of others are printed as such. */
function labelled(output: Output, lines: Lines): string[] {
  return lines.flatMap(([label, text]) => {
    if (text === null || text === undefined || text === "") return [];
    // The verdict has a colour.
    const shown = label === "verdict" ? text : printable(text);
    return [`${output.paint("dim", label.padEnd(LABEL))} ${shown}`];
  });
}

function routeLines(route: ExplainedRoute | null): Lines {
  if (!route) return [];
  const { ttlSeconds, staleWhileRevalidateSeconds: swr, staleIfErrorSeconds: sie } = route;
  const ttl = ttlSeconds === null ? "a function says" : durationText(ttlSeconds);
  const stale = [
    swr > 0 && `stale while revalidated ${durationText(swr)}`,
    sie > 0 && `stale on errors ${durationText(sie)}`,
  ];
  return [
    ["module", `${route.module}${route.policy === null ? "" : `, policy ${route.policy}`}`],
    ["life", [`TTL ${ttl}`, ...stale.filter(Boolean)].join(", ")],
    ["depends on", route.dependsOn === "auto" ? "what it reads" : route.dependsOn.join(", ")],
    ["reads", readsText(route.reads)],
    ["varies by", [...route.vary, ...(route.scope === "function" ? ["a scope function"] : [])].join(", ")],
  ];
}

function readsText(reads: ExplainedRoute["reads"]): string {
  if (!reads) return "";
  const tables = reads.tables.join(", ") || "nothing known";
  return reads.why === null ? tables : `${tables}; not stored: ${reads.why} (${reads.what ?? ""})`;
}

function entryLines(entry: ExplainedEntry | null): Lines {
  if (!entry) return [["entry", "none"]];
  const { tier, ageSeconds, ttlSeconds, lifeSeconds, storedBytes, bodyBytes, status, etag, variants } = entry;
  const where = tier === "local" ? "in this process's memory" : "in the store";
  const ends =
    ttlSeconds < 0 ? `stale for ${durationText(-ttlSeconds)}` : `fresh for ${durationText(ttlSeconds)}`;
  const coded = variants.map(({ encoding, bytes }) => `${encoding} ${bytesText(bytes)}`);
  return [
    ["entry", `${where}, ${durationText(ageSeconds)} old, ${ends}, gone in ${durationText(lifeSeconds)}`],
    [
      "size",
      `body ${bytesText(bodyBytes)}, stored ${bytesText(storedBytes)}${coded.length === 0 ? "" : `; also ${coded.join(", ")}`}`,
    ],
    ["answers", `${status}, ETag ${etag}`],
  ];
}

function storeText({ store }: Explanation): string {
  return `${store.kind}, circuit ${store.circuit}${store.reason === null ? "" : ` (${store.reason})`}`;
}

/** `fenced: made stale by module accounts: …`. */
export function missText({ reason, detail, fencedBy = [], evictedBy }: MissExplanation): string {
  const fenced = fencedBy.map(({ fence, cause }) => `${fence}, by ${causeText(cause)}`);
  switch (reason) {
    case "cold":
      return "cold: nobody has asked for it, or longer ago than anybody remembers";
    case "expired":
      return "expired: its TTL is over";
    case "fenced":
      return `fenced: made stale since${fenced.length === 0 ? "" : ` (${fenced.join("; ")})`}`;
    case "evicted":
      return `evicted: ${EVICTED[evictedBy ?? "unknown"]}`;
    case "unstorable":
      return `unstorable: the last answer could not be stored${detail === undefined ? "" : ` (${detail})`}`;
    case "refused":
      return "refused: the client wants no entry, or none could be sent";
    case "unknown":
      return "unknown: this process has forgotten what it knew";
  }
}

const EVICTED = {
  server: "the server had no memory left",
  tenant: "the tenant is at maxBytesPerTenant",
  module: "the module is at maxEntriesPerModule",
  process: "this process's memory for entries is full",
  unknown: "nobody knows by what, perhaps removed by hand",
} as const;

function causeText(cause: Cause | null): string {
  if (!cause) return "nobody knows: longer ago than a day, or not kept";
  const at = new Date(cause.atMs).toISOString().slice(0, 19).replace("T", " ");
  return `${originText(cause)} (${partsText(cause)}, ${at})`;
}
