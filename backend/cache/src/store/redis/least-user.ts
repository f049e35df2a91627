// The least user that the cache can work with: each command and key family, what it is for, and how to try it without changing anything.
// Tests: test/integration/least-user.test.ts, test/unit/operations-page.test.ts

/** What is lost without it: everything, which server answers, a name in CLIENT LIST, time of the server, or that one thing. */
export type LeastUse =
  | "all"
  | "identity"
  | "name"
  | "databases"
  | "toolkit"
  | "parking"
  | "reports"
  | "causes"
  | "cluster";

export interface LeastCommand {
  /** As an ACL rule has it, without `+`. */
  readonly command: string;
  readonly use: LeastUse;
  /**
   * Arguments that change nothing where the command is allowed: `key` is one that nobody has, `word` is refused by
   * commands that want a number, behind the check of rights. Absent: it is not tried by itself.
   */
  readonly harmless?: (key: string) => readonly (string | number)[];
}

/** No SHA-1 of a script: the server knows none of it, and says so. */
const NO_SCRIPT = "0".repeat(40);
const alone = () => [];
const key = (name: string) => [name];

/** In the order in which the page shows them; a line each for those that belong together. */
export const LEAST_COMMANDS: readonly (readonly LeastCommand[])[] = [
  [
    { command: "mget", use: "all", harmless: key },
    { command: "info", use: "identity", harmless: () => ["server"] },
    { command: "client|setname", use: "name", harmless: () => ["express-tenant-cache-cli"] },
    { command: "select", use: "databases" },
  ],
  [
    { command: "evalsha", use: "all", harmless: () => [NO_SCRIPT, 0] },
    { command: "eval", use: "all", harmless: () => ["return 1", 0] },
    { command: "get", use: "all", harmless: key },
    { command: "exists", use: "all", harmless: key },
    { command: "set", use: "all", harmless: (name) => [name, "", "XX", "PX", 1] },
    { command: "rename", use: "parking", harmless: (name) => [name, name] },
    { command: "time", use: "all", harmless: alone },
    { command: "unlink", use: "all", harmless: key },
    { command: "pexpire", use: "all", harmless: (name) => [name, 1] },
    { command: "pexpireat", use: "all", harmless: (name) => [name, 1] },
    { command: "pttl", use: "all", harmless: key },
  ],
  [
    { command: "zadd", use: "all", harmless: (name) => [name, "XX", 0, "probe"] },
    { command: "zcard", use: "all", harmless: key },
    { command: "zincrby", use: "all", harmless: (name) => [name, "word", "probe"] },
    { command: "zpopmin", use: "all", harmless: key },
    { command: "zrange", use: "all", harmless: (name) => [name, 0, 0] },
    { command: "zrangebyscore", use: "all", harmless: (name) => [name, 0, 0] },
    { command: "zrem", use: "all", harmless: (name) => [name, "probe"] },
    { command: "zremrangebyrank", use: "all", harmless: (name) => [name, 0, 0] },
    { command: "zremrangebyscore", use: "all", harmless: (name) => [name, 0, 0] },
    { command: "zscore", use: "all", harmless: (name) => [name, "probe"] },
  ],
  [{ command: "incrby", use: "toolkit", harmless: (name) => [name, "word"] }],
  [
    { command: "xadd", use: "causes", harmless: (name) => [name, "NOMKSTREAM", "*", "probe", ""] },
    { command: "xrevrange", use: "causes", harmless: (name) => [name, "+", "-", "COUNT", 1] },
  ],
  [
    { command: "scan", use: "reports", harmless: () => [0, "COUNT", 1] },
    { command: "strlen", use: "reports", harmless: key },
    { command: "dbsize", use: "reports", harmless: alone },
  ],
];

/** Of a Redis Cluster besides, on every node. */
export const LEAST_OF_CLUSTER: readonly LeastCommand[] = [
  { command: "cluster|slots", use: "cluster", harmless: alone },
  { command: "cluster|info", use: "cluster", harmless: alone },
  // They say how the next command is to be taken, and nothing is asked next on that connection.
  { command: "readonly", use: "cluster" },
  { command: "asking", use: "cluster" },
];

/** Keys of this family are for that one thing; all others for everything. */
export const PARKED_FAMILY = "parked";

/** What keys begin with, behind the `keyPrefix`. */
export const KEY_FAMILIES = [
  "tenant",
  "fence",
  "lease",
  "index",
  "generations",
  "ledger",
  "sweep",
  "counter",
  "lock",
  "causes",
  PARKED_FAMILY,
  "feed",
] as const;

/** The lines of rules, without the keys: each begins with `+`. */
export function ruleLines(): string[] {
  return LEAST_COMMANDS.map((line) => line.map(({ command }) => `+${command}`).join(" "));
}

/** Rules for the keys of a cache: those with its `keyPrefix`, or the families that it has. */
export function keyRules(keyPrefix: string): string[] {
  return keyPrefix === "" ? KEY_FAMILIES.map((family) => `~${family}:*`) : [`~${keyPrefix}*`];
}
