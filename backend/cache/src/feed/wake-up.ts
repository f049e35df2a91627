// Hears of changes by LISTEN, so that the drain need not wait for its next turn. Nothing depends on it.
// Tests: test/integration/feed-notify.test.ts
import { later } from "../later.js";
import type { Logger } from "../logger.js";
import { randomToken } from "../store/fence-token.js";
import { messageOf } from "../thrown.js";
import { clearTimeout, type Timer } from "../timers.js";
import { channelOf } from "./capture-names.js";
import type { FeedLooks } from "./feed-looks.js";
import type { FeedListener, ParsedFeedOptions } from "./feed-options.js";

const FIRST_RETRY_MS = 1000;
const MAX_RETRY_MS = 60_000;
const HEARD_WITHIN_MS = 5000;

export interface WakeUpParts {
  readonly options: ParsedFeedOptions;
  readonly looks: FeedLooks;
  readonly logger: Logger;
  /** Called where something has changed. */
  readonly wake: () => void;
}

export class WakeUp {
  readonly #parts: WakeUpParts;
  readonly #channel: string;
  #isWanted = false;
  #client: FeedListener | undefined;
  #timer: Timer | undefined;
  #retryMs = FIRST_RETRY_MS;
  /** What proves that this connection hears; absent once it was heard. */
  #proof: string | undefined;
  #told = "";

  constructor(parts: WakeUpParts) {
    this.#parts = parts;
    this.#channel = channelOf(parts.options.schema);
  }

  /** Whether this process is the one that is to hear. A database that is left alone has no connection. */
  want(isWanted: boolean): void {
    if (isWanted === this.#isWanted) return;
    this.#isWanted = isWanted;
    clearTimeout(this.#timer);
    if (isWanted) this.#open();
    else this.#drop();
  }

  #open(): void {
    const client = this.#parts.options.listen?.();
    if (!client) return;
    this.#client = client;
    const lost = (why: string) => this.#lost(client, why);
    client.on("error", (error) => lost(messageOf(error)));
    client.on("end", () => lost("the connection has ended"));
    client.on("notification", ({ channel, payload = "" }) => {
      if (client === this.#client && channel === this.#channel) this.#heard(payload);
    });
    this.#listen(client).catch((error: unknown) => lost(messageOf(error)));
  }

  /** Through transaction pooling LISTEN is accepted, and nobody is ever told: so it is tried. */
  async #listen(client: FeedListener): Promise<void> {
    const { looks, options } = this.#parts;
    await client.connect();
    await client.query(`LISTEN ${this.#channel}`);
    const proof = randomToken();
    this.#proof = proof;
    this.#timer = later(HEARD_WITHIN_MS, () => {
      if (this.#proof === proof)
        this.#lost(
          client,
          "what is notified is not heard: it needs a session, which transaction pooling is not",
        );
    });
    await looks.bounded(options.database.query("SELECT pg_notify($1, $2)", [this.#channel, proof]));
  }

  #heard(payload: string): void {
    if (payload === "") {
      this.#parts.wake();
      return;
    }
    // Another process proves its own.
    if (payload !== this.#proof) return;
    this.#proof = undefined;
    this.#retryMs = FIRST_RETRY_MS;
    clearTimeout(this.#timer);
    if (this.#told !== "") this.#parts.logger.info("express-tenant-cache: feed: listening again");
    this.#told = "";
  }

  #lost(client: FeedListener, why: string): void {
    if (client !== this.#client) return;
    this.#drop();
    this.#timer = later(this.#retryMs, () => this.#open());
    this.#retryMs = Math.min(2 * this.#retryMs, MAX_RETRY_MS);
    if (this.#told !== "") return;
    this.#told = why;
    const { maxDelayMs } = this.#parts.options;
    this.#parts.logger.warn(
      `express-tenant-cache: feed: not listening (${why}): changes are looked for each ${maxDelayMs / 5} ms all the same`,
    );
  }

  #drop(): void {
    const client = this.#client;
    this.#client = undefined;
    this.#proof = undefined;
    clearTimeout(this.#timer);
    client?.end().catch(() => undefined);
  }
}
