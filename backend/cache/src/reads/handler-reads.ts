// What one run of a handler has read: its statements are noted while it runs, and concluded from when its answer ends.
// Tests: test/integration/auto.test.ts, test/integration/auto-connections.test.ts
import type { UnreadReason } from "../cache-status.js";
import { isUncovered, versionIn } from "../feed-epoch.js";
import { messageOf } from "../thrown.js";
import { isMoving } from "./builtins.js";
import type { StatementSink } from "./current-reads.js";
import { isTenants, type Problem, type Reading, type Rows, type Source, sourcesOf } from "./reading.js";
import type { SeenReads } from "./seen-reads.js";
import type { Statements, Step } from "./statements.js";
import type { Connection } from "./tracked-connections.js";

/** What is known of a tracked pool's database. */
export interface KnownCatalogue {
  readonly version: string;
  readonly state: string;
  readonly statements: Statements;
}

export interface ReadsHost {
  /** `undefined` where it is not known yet, or it is not this cache that tracks it. */
  catalogueOf(source: object): KnownCatalogue | undefined;
  /** The catalogue may have changed. */
  doubt(): void;
}

export type Concluded = { readonly modules: ReadonlySet<string> } | { readonly reason: UnreadReason };

function isMovingValue(value: unknown): boolean {
  return typeof value === "string" ? isMoving(value) : Array.isArray(value) && value.some(isMovingValue);
}

export class HandlerReads implements StatementSink {
  readonly #host: ReadsHost;
  readonly #tenant: string;
  /** As the fill has read it before the handler began; `undefined` where it has read none. */
  readonly #epoch: string | undefined;
  readonly #modules = new Set<string>();
  readonly #tables = new Set<string>();
  readonly #versions = new Set<string>();
  #problem: Problem | undefined;
  #hasRead = false;
  #isStrange = false;

  constructor(host: ReadsHost, tenant: string, epoch: string | undefined) {
    this.#host = host;
    this.#tenant = tenant;
    this.#epoch = epoch;
  }

  note(source: object, connection: Connection, text: string | undefined, values: readonly unknown[]): void {
    try {
      this.#note(source, connection, text, values);
    } catch (error) {
      this.#refuse("unknown-statement", messageOf(error));
    }
  }

  strange(): void {
    this.#isStrange = true;
  }

  nested(): void {
    this.#refuse("unknown-statement", "another cached route within it");
  }

  #note(source: object, connection: Connection, text: string | undefined, values: readonly unknown[]): void {
    const early = connection.problemFor(this);
    if (early !== undefined) this.#refuse(early, "the connection that it goes through");
    if (text === undefined) {
      this.#refuse("unknown-statement", "one without a text");
      return;
    }
    const known = this.#host.catalogueOf(source);
    if (!known) {
      this.#refuse("catalogue", "it is not known yet");
      return;
    }
    this.#versions.add(known.version);
    for (const step of known.statements.stepsOf(text)) this.#take(step, connection, values);
  }

  #take(step: Step, connection: Connection, values: readonly unknown[]): void {
    if (step.does === "read") this.#read(step.reading, connection, values);
    else if (step.does === "forget-settings") connection.forgetSettings();
    else if (step.does === "set") {
      const value = this.#valueOf(step.source, connection, values);
      if (typeof value === "string" || typeof value === "number")
        connection.set(step.name, String(value), this, step.isLocal);
      else connection.forgetSettings();
    }
  }

  #read(reading: Reading, connection: Connection, values: readonly unknown[]): void {
    this.#hasRead = true;
    const { problem, modules, tables, settings, rows } = reading;
    for (const module of modules) this.#modules.add(module);
    for (const table of tables) this.#tables.add(table);
    if (problem) this.#refuse(problem.why, problem.what);
    for (const name of settings)
      if (connection.setting(name, this) === undefined)
        this.#refuse("changing-value", `current_setting('${name}'), which the handler has not set`);
    if (values.some(isMovingValue)) this.#refuse("changing-value", "a value that may be a time of now");
    for (const each of rows)
      if (!this.#isOwn(each, connection, values))
        this.#refuse("all-tenants", `${each.what}: no condition says that its tenant is the request's`);
  }

  #isOwn(rows: Rows, connection: Connection, values: readonly unknown[]): boolean {
    return sourcesOf(rows).some(({ source, comparison }) =>
      isTenants(this.#tenant, this.#valueOf(source, connection, values), comparison),
    );
  }

  #valueOf(source: Source, connection: Connection, values: readonly unknown[]): unknown {
    if (source.from === "text") return source.text;
    return source.from === "value" ? values[source.place] : connection.setting(source.name, this);
  }

  #refuse(why: UnreadReason, what: string): void {
    this.#problem ??= { why, what };
    // A table or function may have been made since.
    if (why === "unknown-table" || why === "unknown-function") this.#host.doubt();
  }

  /** As far as it is known by now: called when the answer ends. */
  conclude(): Concluded {
    const problem = this.#concluded();
    return problem ? { reason: problem.why } : { modules: this.#modules };
  }

  #concluded(): Problem | undefined {
    if (this.#problem) return this.#problem;
    if (!this.#hasRead) return { why: "no-reads", what: "no statement through a tracked pool" };
    const epoch = this.#epoch ?? "";
    if (this.#isStrange) return { why: "unknown-statement", what: "one through a pool that is not tracked" };
    const version = versionIn(epoch);
    if (version === undefined || [...this.#versions].some((each) => each !== version)) {
      this.#host.doubt();
      return { why: "catalogue", what: "it is another one than the draining process has compared" };
    }
    if (isUncovered(epoch, [...this.#modules]))
      return { why: "uncovered", what: [...this.#modules].join(", ") };
    return undefined;
  }

  get seen(): SeenReads {
    const problem = this.#concluded();
    return {
      tables: [...this.#tables].sort(),
      modules: [...this.#modules].sort(),
      why: problem?.why ?? null,
      what: problem?.what ?? null,
    };
  }
}
