// The table of what is measured: its rows in reports, and the floors that the cache has to reach.

/** One way to use the cache of this repository. */
export interface Row {
  readonly front: "lane" | "express";
  /** `local`: in this process before Redis. */
  readonly tier: "local" | "redis";
  readonly maxStalenessMs: number;
  readonly isLeased?: true;
  /** Behind a server with `expressServerOptions`. */
  readonly isPrepared?: true;
}

export interface Subject {
  /** For `--subjects` and the JSON file. */
  readonly name: string;
  readonly title: string;
  /** The module in subjects/ that starts it. */
  readonly program: string;
  readonly row?: Row;
  /** A package that is installed apart from the project's own. */
  readonly isInstalledApart?: true;
  /** `hits`: the handler must not run while it is measured; `runs`: it must, for each request; `none`: there is none. */
  readonly handler: "hits" | "runs" | "none";
  /** Throughput over that of bare Express, at least. */
  readonly floor?: number;
}

export const BASELINE = "express";

const OTHERS: readonly Subject[] = [
  { name: BASELINE, title: "bare Express, `end(buffer)`", program: "bare-express", handler: "none" },
  {
    name: "express-prepared",
    title: "bare Express, `expressServerOptions`",
    program: "bare-express-prepared",
    handler: "none",
  },
  { name: "http", title: "plain `node:http`, `end(buffer)`", program: "plain-http", handler: "none" },
  {
    name: "http-copies",
    title: "plain `node:http`, 2,000 buffers in turn",
    program: "plain-http-copies",
    handler: "none",
  },
  { name: "no-cache", title: "no cache, PostgreSQL each time", program: "no-cache", handler: "runs" },
  {
    name: "hand-written",
    title: "hand-written, `JSON.parse` and `res.json`",
    program: "hand-written",
    handler: "hits",
  },
  {
    name: "apicache",
    title: "apicache with Redis",
    program: "apicache",
    isInstalledApart: true,
    handler: "hits",
  },
  {
    name: "bentocache",
    title: "bentocache, two tiers",
    program: "bentocache",
    isInstalledApart: true,
    handler: "hits",
  },
  {
    name: "express-redis-cache",
    title: "express-redis-cache",
    program: "express-redis-cache",
    isInstalledApart: true,
    handler: "hits",
  },
  { name: "get-buffer", title: "Express, `getBuffer` and `end`", program: "get-buffer", handler: "hits" },
];

/** As `docs/use/lane.md` has it served. */
const LANE = { front: "lane", isPrepared: true } as const;

const OURS: readonly Subject[] = [
  ours("lane-50", "lane, L1, `maxStaleness: 50`", { ...LANE, tier: "local", maxStalenessMs: 50 }, 3.2),
  ours("lane-leased", "lane, L1, leased", { ...LANE, tier: "local", maxStalenessMs: 0, isLeased: true }, 3.2),
  ours("lane-strict", "lane, L1, strict", { ...LANE, tier: "local", maxStalenessMs: 0 }, 2.4),
  ours("lane-redis", "lane, Redis only", { ...LANE, tier: "redis", maxStalenessMs: 0 }, 1.7),
  ours(
    "list-50",
    "`cacheList`, L1, `maxStaleness: 50`",
    { front: "express", tier: "local", maxStalenessMs: 50 },
    0.9,
  ),
  ours(
    "list-leased",
    "`cacheList`, L1, leased",
    { front: "express", tier: "local", maxStalenessMs: 0, isLeased: true },
    0.9,
  ),
  ours(
    "list-strict",
    "`cacheList`, L1, strict",
    { front: "express", tier: "local", maxStalenessMs: 0 },
    0.85,
  ),
  ours("list-redis", "`cacheList`, Redis only", { front: "express", tier: "redis", maxStalenessMs: 0 }, 0.82),
];

/** As the README has it served, beside the same rows behind a server as `app.listen` makes it. */
const PREPARED: readonly Subject[] = OURS.filter(({ row }) => row?.front === "express").map(
  ({ row, name, title, ...subject }) => ({
    ...subject,
    name: `${name}-prepared`,
    title: `${title}, \`expressServerOptions\``,
    ...(row && { row: { ...row, isPrepared: true } }),
  }),
);

export const SUBJECTS: readonly Subject[] = [...OTHERS, ...OURS, ...PREPARED];

/** Those of this repository's cache. */
export const OWN_NAMES = OURS.map(({ name }) => name);
/** What a quick run looks at closely. */
export const QUICK_NAMES = ["lane-strict", "list-strict"];

/** @throws Error that names all subjects where there is none of this name */
export function subjectNamed(name: string): Subject {
  const found = SUBJECTS.find((subject) => subject.name === name);
  if (found) return found;
  throw new Error(
    `there is no subject ${name}; there are ${SUBJECTS.map((subject) => subject.name).join(", ")}`,
  );
}

function ours(name: string, title: string, row: Row, floor: number): Subject {
  return { name, title, program: "cached-list", row, handler: "hits", floor };
}
