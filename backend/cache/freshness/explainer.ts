// Gathers what explains a violation while it is still known: who asked which server what, and what happened to the servers.
import type { Records } from "./checked-protocol.js";
import { machineNowMs } from "./clock.js";
import { isReadFromSecond, type Servers } from "./excuses.js";
import type { Violation } from "./judge.js";
import type { Timeline, TimelineEvent } from "./timeline.js";

export interface Explained {
  readonly violation: Violation;
  /** What processes asked about the tenant, and what happened to servers, in the order of time. */
  readonly events: readonly TimelineEvent[];
}

/** More say the same again. */
const KEPT_VIOLATIONS = 5;
/** How long before and after the entry was filled, and before the write. */
const AROUND_FILL_MS = 200;
const BEFORE_WRITE_MS = 1500;

export class Explainer {
  readonly #timeline: Timeline;
  readonly #servers: Servers;
  readonly #recordsOf: (tenant: string, sinceMs: number) => Promise<ReadonlyMap<string, Records>>;
  readonly explained: Explained[] = [];

  /** @param recordsOf what the processes that live remember of a tenant since then */
  constructor(
    timeline: Timeline,
    servers: Servers,
    recordsOf: (tenant: string, sinceMs: number) => Promise<ReadonlyMap<string, Records>>,
  ) {
    this.#timeline = timeline;
    this.#servers = servers;
    this.#recordsOf = recordsOf;
  }

  /** Whether what the process of the read remembers excuses it; if not, the first are explained. */
  async isExcused(violation: Violation): Promise<boolean> {
    const { tenant, process, startedAtMs: fromMs, answeredAtMs: toMs, write, filled } = violation;
    const writtenAtMs = write?.write?.sentAtMs ?? fromMs;
    // At once: a process may die, and none remembers for long.
    const records = await this.#recordsOf(tenant, Math.min(filled.fromMs, writtenAtMs) - BEFORE_WRITE_MS);
    const { connections = [] } = records.get(process) ?? {};
    if (violation.kind === "stale" && isReadFromSecond(connections, { fromMs, toMs }, this.#servers))
      return true;
    if (this.explained.length >= KEPT_VIOLATIONS) return false;
    const isNear = ({ atMs }: TimelineEvent) =>
      atMs >= Math.min(writtenAtMs, fromMs) - BEFORE_WRITE_MS ||
      (atMs >= filled.fromMs - AROUND_FILL_MS && atMs <= filled.toMs + AROUND_FILL_MS);
    const asked = [...records].flatMap(([name, { events }]) =>
      events.map(({ atMs, what }) => ({ atMs, what: `${name} ${what}` })),
    );
    const events = [...this.#timeline.between(0, machineNowMs()), ...asked].filter(isNear);
    this.explained.push({ violation, events: events.toSorted((one, other) => one.atMs - other.atMs) });
    return false;
  }
}
