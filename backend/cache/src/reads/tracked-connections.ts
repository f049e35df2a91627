// Connections of node-postgres whose statements are seen: what each is about to send, and what it has been told before.
// Tests: test/integration/auto-connections.test.ts

/** Tells handlers apart. */
export type Handler = object;

/** Told of each statement before it is sent. @returns who runs it, where that is a handler whose reads are noted */
export interface Noting {
  current(): Handler | undefined;
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
const TEMPORARY = /\btemp(?:orary)?\b|\bpg_temp\b/i;
const SETS_ROLE =
  /\bset\b[^;]*\b(?:role|authorization)\b|\bset_config\s*\(\s*'(?:role|session_authorization)'/i;
const RESETS_ROLE =
  /\b(?:reset\s+(?:all|role|session)|discard\s+all|set\s+(?:session\s+)?role\s+(?:to\s+)?(?:none|default))\b/i;

/** What is known of one connection beside the statement that it is about to send. */
export class Connection {
  /** Who has begun the transaction that is open, or will be; `null`: nobody whose statements are noted. */
  #begunBy: Handler | null | undefined;
  #isOpen = false;
  /** Statements that the server has not done with. */
  #underWay = 0;
  #hasTemporary = false;
  #hasRole = false;
  readonly #isOpaque: boolean;
  readonly #settings = new Map<string, Setting>();
  readonly #parsed: () => Readonly<Record<string, string>>;

  constructor({ connection }: PgClient) {
    this.#isOpaque = typeof connection?.on !== "function";
    this.#parsed = () => connection?.parsedStatements ?? {};
    connection?.on?.("readyForQuery", ({ status }) => this.#ready(status));
  }

  #ready(status: string | undefined): void {
    this.#underWay = Math.max(0, this.#underWay - 1);
    if (status !== "I") this.#isOpen = true;
    // What looked like the beginning of a transaction was none, where nothing is under way that could be it.
    else if (this.#isOpen || this.#underWay === 0) {
      this.#isOpen = false;
      this.#begunBy = undefined;
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
    if (BEGINS.test(text) && !this.#isOpen) this.#begunBy ??= by ?? null;
    if (TEMPORARY.test(text)) this.#hasTemporary = true;
    if (RESETS_ROLE.test(text)) this.#hasRole = false;
    else if (SETS_ROLE.test(text)) this.#hasRole = true;
  }

  /** Why a statement of this handler says nothing, whatever it is. */
  problemFor(by: Handler): "early-transaction" | "unknown-table" | "unknown-statement" | undefined {
    if (this.#isOpaque || this.#hasRole) return "unknown-statement";
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
    return Reflect.apply(query, client, args);
  };
}

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
