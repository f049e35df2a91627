// The user that a replica logs in as, so that it can be shut out without touching anybody else.
// Tests: test/faults/freshness.test.ts, test/faults/freshness-feed.test.ts
import type { Redis } from "ioredis";
import type { RedisSentinels } from "../../servers/redis-sentinel.js";
import { type Roles, untilReplicating } from "./roles.js";

const USER = "replication";
const PASSWORD = "replication";

interface Replicated {
  readonly server: { readonly host: string; readonly port: number };
  readonly admin: Redis;
}

/** Has both log in as that user from now on. Resolves when one follows the other. */
export async function beginReplication<N extends Replicated>(
  nodes: readonly N[],
  sentinels: RedisSentinels,
): Promise<Roles<N>> {
  for (const { admin } of nodes) await prepareForReplication(admin);
  // The replica has logged in as nobody yet.
  for (const { admin } of nodes) await admin.call("CLIENT", "KILL", "TYPE", "replica");
  return untilReplicating(nodes, sentinels);
}

/** Also a server that was started anew. */
export async function prepareForReplication(admin: Redis): Promise<void> {
  // Not `once` of node:events: it would reject with the error of an attempt that came too early.
  if (admin.status !== "ready") await new Promise<void>((resolve) => admin.once("ready", resolve));
  await admin.call("ACL", "SETUSER", USER, "on", `>${PASSWORD}`, "allkeys", "allchannels", "+@all");
  await admin.config("SET", "masteruser", USER);
  await admin.config("SET", "masterauth", PASSWORD);
}

/** Its replica does not learn what follows. */
export async function cutOffReplica(master: Redis): Promise<void> {
  await master.call("ACL", "SETUSER", USER, "off");
  await master.call("CLIENT", "KILL", "USER", USER);
}
