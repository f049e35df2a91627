// Connections of node-postgres whose statements are seen: what each is about to send, and what it has been told before.
// Tests: test/integration/auto-connections.test.ts, test/integration/auto-contexts.test.ts, test/integration/auto-pools-freed.test.ts

/** Tells handlers apart. */
export type Handler = object;

/** Told of each statement before it is sent. @returns who runs it, where that is a handler whose reads are noted */
export interface Noting {
  current(): Handler | undefined;
  /** The same function, which runs as part of who runs now. */
  kept<F extends (...args: never[]) => unknown>(work: F): F;
  note(connection: Connection, text: string | undefined, values: readonly unknown[]): void;
}

/** A client of node-postgres, as far as it is looked at. */
export interface PgClient {
  query: (...args: unknown[]) => unknown;
  /** Of the JavaScript client; the one in C has none. */
  readonly connection?: {
    on?(event: string, listener: (message: { readonly status?: string }) => void): unknown;
    readonly parsedStatements?: Readonly<Record<string, string>>;
  };
}

/** What has been set on a connection, and where. */
interface Setting {
  readonly value: string;
  readonly by: Handler;
  readonly isLocal: boolean;
}

const BEGINS = /\b(?:begin|start\s+transaction)\b/i;
const COMMENTS = /--[^\n]*|\/\*[\s\S]*?\*\//g;
/** Most statements have none of these words; a column may be called by one. */
const WORTH_A_LOOK = /temp|\brole\b|authorization|set_config|discard|reset/i;
const TEMPORARY =
  /\bcreate\b[^;]*\btemp(?:orary)?\b|\binto\s+(?:(?:local|global)\s+)?temp(?:orary)?\b|\bpg_temp\b/i;
const ENDS_TEMPORARY = /^\s*discard\s+(?:all|temp)/i;
/** As a statement of its own, or in a body; `set_config` also where its first argument is no constant. */
const SETS_ROLE =
  /(?:^|[;'$(]|\b(?:begin|then|else|loop|as))\s*set\s+(?:(?:local|session)\s+)?"?(?:role|session[\s_]+authorization)\b|\bset_config\s*\(\s*(?:'(?:role|session_authorization)'|(?!\s|'[^']*'\s*,))/i;
const SETS_LOCAL_ROLE = /\bset\s+local\s+(?:role|session\s+authorization)\b/gi;
const RESETS_ROLE =
  /\b(?:reset\s+(?:all|role|session)|discard\s+all|set\s+(?:session\s+)?role\s+(?:to\s+)?(?:none|default))\b/gi;

/** What is known of one connection beside the statement that it is about to send. */
export class Connection {
  /** Who has begun the transaction that is open, or will be; `null`: nobody whose statements are noted. */
  #begunBy: Handler | null | undefined;
  #isOpen = false;
  /** Statements that the server has not done with. */
  #underWay = 0;
  #hasTemporary = false;
  #hasRole = false;
  /** Until the transaction ends. */
  #hasLocalRole = false;
  readonly #isOpaque: boolean;
  readonly #settings = new Map<string, Setting>();
  readonly #parsed: () => Readonly<Record<string, string>>;

  constructor({ connection }: PgClient) {
    this.#isOpaque = typeof connection?.on !== "function";
    this.#parsed = () => connection?.parsedStatements ?? {};
    connection?.on?.("readyForQuery", ({ status }) => this.#ready(status));
    // What has failed has set nothing, nor has what stood before it in the same transaction.
    connection?.on?.("errorMessage", () => this.forgetSettings());
  }

  #ready(status: string | undefined): void {
    this.#underWay = Math.max(0, this.#underWay - 1);
    if (status !== "I") this.#isOpen = true;
    // What looked like the beginning of a transaction was none, where nothing is under way that could be it.
    else if (this.#isOpen || this.#underWay === 0) {
      this.#isOpen = false;
      this.#begunBy = undefined;
      this.#hasLocalRole = false;
      for (const [name, { isLocal }] of this.#settings) if (isLocal) this.#settings.delete(name);
    }
  }

  /** The text of a statement that was prepared by name. */
  prepared(name: string): string | undefined {
    return Object.hasOwn(this.#parsed(), name) ? this.#parsed()[name] : undefined;
  }

  /** Called before each statement, whether anybody notes it or not. */
  sends(text: string, by: Handler | undefined): void {
    this.#underWay++;
    // Whoever sends something between may have set something else.
    for (const [name, setting] of this.#settings) if (setting.by !== by) this.#settings.delete(name);
    if (BEGINS.test(text) && !this.#isOpen) this.#begunBy ??= by ?? null;
    if (WORTH_A_LOOK.test(text)) this.#looksAt(text.replaceAll(COMMENTS, " "));
  }

  #looksAt(text: string): void {
    if (TEMPORARY.test(text)) this.#hasTemporary = true;
    else if (ENDS_TEMPORARY.test(text)) this.#hasTemporary = false;
    const kept = text.replaceAll(RESETS_ROLE, "");
    const lasting = kept.replaceAll(SETS_LOCAL_ROLE, "");
    if (lasting !== kept) this.#hasLocalRole = true;
    if (SETS_ROLE.test(lasting)) this.#hasRole = true;
    else if (kept !== text) this.#hasRole = false;
  }

  /** Why a statement of this handler says nothing, whatever it is. */
  problemFor(by: Handler): "early-transaction" | "unknown-table" | "unknown-statement" | undefined {
    if (this.#isOpaque || this.#hasRole || this.#hasLocalRole) return "unknown-statement";
    const isInTransaction = this.#isOpen || this.#begunBy !== undefined;
    if (isInTransaction && this.#begunBy !== by) return "early-transaction";
    return this.#hasTemporary ? "unknown-table" : undefined;
  }

  set(name: string, value: string, by: Handler, isLocal: boolean): void {
    // It ends with its statement.
    if (isLocal && this.#begunBy !== by) this.#settings.delete(name);
    else this.#settings.set(name, { value, by, isLocal });
  }

  forgetSettings(): void {
    this.#settings.clear();
  }

  /** What the same handler has set. */
  setting(name: string, by: Handler): string | undefined {
    const setting = this.#settings.get(name);
    return setting?.by === by ? setting.value : undefined;
  }
}

/** Has the clients that it has opened, or is about to. */
interface Pool {
  readonly _clients?: readonly PgClient[];
}

/** Tracked pools by their class of clients, which lives as long as the process. */
const watched = new WeakMap<object, WeakRef<Pool>[]>();

/** Tells of statements by clients of this class that are none of this pool's, nor noted otherwise: by another pool than those that are tracked. */
export function tellStrangers(prototype: PgClient, pool: Pool, tell: () => void): void {
  const known = watched.get(prototype);
  const pools = (known ?? []).filter((each) => each.deref() !== undefined);
  watched.set(prototype, [...pools, new WeakRef(pool)]);
  if (known) return;
  const { query } = prototype;
  prototype.query = function (this: PgClient, ...args: unknown[]) {
    const isOfPool = (each: WeakRef<Pool>) => each.deref()?._clients?.includes(this);
    if (!connections.has(this) && !watched.get(prototype)?.some(isOfPool)) tell();
    return Reflect.apply(query, this, args);
  };
}

interface Asked {
  readonly text: string | undefined;
  readonly values: readonly unknown[];
}

const connections = new WeakMap<PgClient, Connection>();

/** Has its statements noted from now on; once, however many caches want that. */
export function noteStatements(client: PgClient, noting: Noting): void {
  if (connections.has(client)) return;
  const connection = new Connection(client);
  connections.set(client, connection);
  const { query } = client;
  client.query = (...args: unknown[]) => {
    const { text, values } = askedBy(connection, args);
    connection.sends(text ?? "", noting.current());
    noting.note(connection, text, values);
    return Reflect.apply(query, client, answeredTo(args, noting));
  };
}

type Callback = (...args: never[]) => unknown;
const isCallback = (value: unknown): value is Callback => typeof value === "function";

/** Answers come from a socket, whose asynchronous context is that of whoever has opened it: callbacks are called in that of whoever asks. */
function answeredTo([first, ...more]: readonly unknown[], noting: Noting): readonly unknown[] {
  const asked = Object(first) as Record<string, unknown>;
  if (isCallback(asked.submit)) {
    for (const name of HEARS) {
      const heard = asked[name];
      if (isCallback(heard)) asked[name] = noting.kept(heard);
    }
  } else if (isCallback(asked.callback)) {
    // The config is the caller's own.
    const callback = { value: noting.kept(asked.callback), writable: true };
    return [Object.create(asked, { callback }), ...more];
  }
  return [first, ...more.map((each) => (isCallback(each) ? noting.kept(each) : each))];
}

/** What a connection tells an object that has a `submit`. */
const HEARS = [
  "handleRowDescription",
  "handleDataRow",
  "handlePortalSuspended",
  "handleCommandComplete",
  "handleEmptyQuery",
  "handleReadyForQuery",
  "handleError",
];

/** As `client.query` understands its arguments. */
function askedBy(connection: Connection, [first, second]: readonly unknown[]): Asked {
  if (typeof first === "string") return { text: first, values: Array.isArray(second) ? second : [] };
  const config = (first ?? {}) as {
    readonly text?: unknown;
    readonly name?: unknown;
    readonly values?: unknown;
    /** Of `pg-query-stream`. */
    readonly cursor?: { readonly text?: unknown; readonly values?: unknown };
  };
  const { cursor = config } = config;
  const named = typeof config.name === "string" ? connection.prepared(config.name) : undefined;
  const text = typeof cursor.text === "string" ? cursor.text : named;
  const values = Array.isArray(second) ? second : cursor.values;
  return { text, values: Array.isArray(values) ? values : [] };
}
