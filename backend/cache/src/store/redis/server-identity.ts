// Who a server says it is, so that what it answers can be believed: a master, and the one that entries were made under.
// Tests: test/faults/demoted-master.test.ts, test/faults/nameless-server.test.ts
import { randomToken } from "../fence-token.js";
import { commandOf } from "./resp-command.js";

/** What is asked behind a command, so that its answer can be believed. */
export type Proof =
  /** `INFO replication`: whether it is a master, and which one. */
  | "info"
  /** `WAIT 0 0`: a replica refuses it, and a master answers at once. Which one it is, only `INFO` says. */
  | "wait"
  /**
   * `GETEX`, which counts as a write and changes nothing: a replica refuses it, and so does a master that
   * takes no writes.
   */
  | "getex";

const WAIT = commandOf("WAIT", "0", "0");
const INFO = commandOf("INFO", "replication");

/** As RESP has it. @param key of the server's, for those that name one */
export function proofCommand(proof: Proof, key: string): string {
  if (proof === "wait") return WAIT;
  return proof === "info" ? INFO : commandOf("GETEX", key);
}

/**
 * A promoted replica may hold old fences and old entries: what the old master acknowledged last may not have
 * reached it. Entries carry the id of the server that they were made under, and are misses where another one
 * answers. A server takes a new replication id whenever it is promoted, also one that is demoted and promoted
 * again without a restart and with its connections kept. The run id stands beside it for servers that only
 * look like Redis, and the sentinels' count of failovers for a master that they replace and return to before
 * it has been demoted: that keeps its ids.
 */
export interface ServerIdentity {
  /** What proves most of all that the server allows. */
  readonly proof: Proof;
  /** What entries carry. */
  readonly id: string;
  /** The part of the id that a connection keeps. */
  readonly fixedPart: string;
  /** The beginning of the replication id, as `INFO` has it; `undefined` where it has none. */
  readonly replicationId: string | undefined;
  /**
   * The id is known to nobody but this connection: entries are not shared, because nobody knows whose they
   * are.
   */
  readonly isOwn: boolean;
  /** What the operator should know, and do. */
  readonly notice: string | undefined;
}

/** The server cannot be used as it is. */
export class UnusableServer extends Error {
  override readonly name = "UnusableServer";
  /** Another server may be the right one to ask. */
  readonly isReplica: boolean;

  constructor(message: string, isReplica = false) {
    super(message);
    this.isReplica = isReplica;
  }
}

// 64 bits of each are as good as all 160.
const ID_LENGTH = 16;
const ROLE = "\nrole:";
const REPLICATION_ID = "\nmaster_replid:";
const MASTER_HOST = "\nmaster_host:";
const MASTER_PORT = "\nmaster_port:";
/** Behind every text: nothing starts there. */
const NOWHERE = Number.MAX_SAFE_INTEGER;

/**
 * @param server what `INFO server` says; `undefined` where it may not be asked
 * @param replication what `INFO replication` says
 * @param configEpoch of the sentinels that named it, if any
 * @throws UnusableServer where it is a replica, or no server that holds data
 */
export function identityOf(
  server: string | undefined,
  replication: string | undefined,
  configEpoch?: number,
): ServerIdentity {
  if (server && /^redis_mode:sentinel/m.test(server)) {
    const pass = "redis: { sentinels: [{ host, port }], name }";
    throw new UnusableServer(`the server is a sentinel: pass ${pass}`);
  }
  const role = replication === undefined ? undefined : fieldOf(replication, ROLE);
  if (role !== undefined && role !== "master") throw replicaError(replication);
  const runId = (server && /^run_id:(\w+)/m.exec(server)?.[1]?.slice(0, ID_LENGTH)) || undefined;
  const replicationId = replication && replicationIdOf(replication);
  // Without a replication id nobody can tell a server from what it was before it was demoted.
  const isOwn = replicationId === undefined || role === undefined;
  const epoch = configEpoch === undefined ? "" : `@${configEpoch}:`;
  const fixedPart = (runId ?? "") + epoch + (isOwn ? `~${randomToken()}` : "");
  return {
    proof: role === undefined ? "getex" : "info",
    id: isOwn ? fixedPart : fixedPart + replicationId,
    fixedPart,
    replicationId,
    isOwn,
    notice: noticeOf(runId, isOwn),
  };
}

/**
 * Who has answered, by what the server says to `INFO replication` after the answer: the same as before, or
 * one that has become another since. Its answer may be believed as that one's: nothing was made under an id
 * that has not been there yet.
 *
 * @throws UnusableServer where it is a replica by now
 */
export function identityAfter(identity: ServerIdentity, replication: string): ServerIdentity {
  if (!replication.startsWith("master", startOf(replication, ROLE))) throw replicaError(replication);
  const { replicationId, fixedPart, isOwn } = identity;
  if (isOwn || replicationId === undefined) return identity;
  if (replication.startsWith(replicationId, startOf(replication, REPLICATION_ID))) return identity;
  const next = replicationIdOf(replication);
  if (next === undefined) throw new UnusableServer("INFO has lost its master_replid");
  return { ...identity, replicationId: next, id: fixedPart + next };
}

function replicationIdOf(replication: string): string | undefined {
  return fieldOf(replication, REPLICATION_ID)?.slice(0, ID_LENGTH) || undefined;
}

function noticeOf(runId: string | undefined, isOwn: boolean): string | undefined {
  if (isOwn) {
    return (
      "INFO does not say which server it is (role and master_replid of its section replication), so each process keeps entries of " +
      "its own: allow INFO (ACL: +info), or expect fewer hits"
    );
  }
  if (runId === undefined)
    return "INFO has no run_id: servers are told apart by master_replid alone; nothing has to be done";
  return undefined;
}

function replicaError(replication: string | undefined): UnusableServer {
  const master = replication && fieldOf(replication, MASTER_HOST);
  const port = replication && fieldOf(replication, MASTER_PORT);
  const of = master ? ` of ${master}:${port ?? "?"}` : "";
  return new UnusableServer(
    `READONLY: the server is a replica${of}: fences are read from masters only`,
    true,
  );
}

/** The value of a line, which `line` begins with its line feed. */
function fieldOf(info: string, line: string): string | undefined {
  const start = startOf(info, line);
  return start === NOWHERE ? undefined : /^[^\r\n]*/.exec(info.slice(start))?.[0];
}

/** Where the value begins. The first line of a section is its title, but not everywhere. */
function startOf(info: string, line: string): number {
  const feed = info.indexOf(line);
  if (feed !== -1) return feed + line.length;
  const name = line.slice(1);
  return info.startsWith(name) ? name.length : NOWHERE;
}
