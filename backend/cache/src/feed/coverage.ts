// Which modules are covered: the triggers are compared with the declaration before the first token, and every so often.
// Tests: test/integration/feed-coverage.test.ts
import { catalogueVersion } from "../catalogue-version.js";
import { versionPart } from "../feed-epoch.js";
import type { Logger } from "../logger.js";
import { monotonicNow } from "../timers.js";
import type { FeedLooks } from "./feed-looks.js";
import type { ParsedFeedOptions } from "./feed-options.js";
import { compare, type FeedProblem } from "./feed-problems.js";

export class Coverage {
  readonly #options: ParsedFeedOptions;
  readonly #looks: FeedLooks;
  readonly #logger: Logger;
  #comparedAtMs = Number.NEGATIVE_INFINITY;
  #problems: readonly FeedProblem[] = [];
  #version = "";
  #told = "";

  constructor(options: ParsedFeedOptions, looks: FeedLooks, logger: Logger) {
    this.#options = options;
    this.#looks = looks;
    this.#logger = logger;
  }

  /** By name, in the order of their names. */
  get tables(): string[] {
    return [...new Set(this.#problems.map(({ table }) => table))].sort();
  }

  /**
   * The modules that are not covered, in the order of their names, behind the version of the catalogue: what the epoch says. Rejects as
   * the database does.
   */
  async uncovered(): Promise<readonly string[]> {
    if (monotonicNow() - this.#comparedAtMs >= this.#options.verifyMs) await this.compare();
    const modules = [...new Set(this.#problems.map(({ module }) => module))].sort();
    return [versionPart(this.#version), ...modules];
  }

  /** Now, whatever was found before. */
  async compare(): Promise<readonly FeedProblem[]> {
    const beganAtMs = monotonicNow();
    const { database, schema } = this.#options;
    const version = database.query(`SELECT ${catalogueVersion(schema)} AS version`);
    const asked = Promise.all([compare(database, this.#options), version]);
    const [problems, { rows }] = await this.#looks.bounded(asked);
    this.#version = (rows[0] as { readonly version: string }).version;
    // Whoever installs it does so at any moment, and covered reads wait for that.
    const isInstalled = problems.every(({ kind }) => kind !== "not-installed");
    this.#comparedAtMs = isInstalled ? beganAtMs : Number.NEGATIVE_INFINITY;
    this.#problems = problems;
    this.#tell(problems);
    return problems;
  }

  /** For a process that takes over: what another one has found is not known to it. */
  forget(): void {
    this.#comparedAtMs = Number.NEGATIVE_INFINITY;
  }

  #tell(problems: readonly FeedProblem[]): void {
    const text = problems.map(({ kind, detail }) => `${kind} (${detail})`).join(", ");
    if (text === this.#told) return;
    this.#told = text;
    if (text === "") this.#logger.info("express-tenant-cache: feed: all declared tables are covered again");
    else
      this.#logger.warn(
        `express-tenant-cache: feed: not covered, so not cached: ${this.tables.join(", ")}: ${text}; feed.install() mends what can be`,
      );
  }
}
