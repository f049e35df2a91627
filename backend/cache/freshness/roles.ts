// Who is master: asked of the servers and of the sentinels, which may have changed it since one knew.
import { setTimeout as delay } from "node:timers/promises";
import type { Redis } from "ioredis";
import type { RedisSentinels } from "../../servers/redis-sentinel.js";

export interface Roles<N> {
  readonly master: N;
  readonly replica: N;
}

interface Asked {
  readonly server: { readonly host: string; readonly port: number };
  readonly admin: Redis;
}

/** A server has another role than it had a moment ago. */
export class RolesChanged extends Error {
  override readonly name = "RolesChanged";
}

const REPLICATES_WITHIN_MS = 240_000;
/** Longer than a failover takes. */
const WITHOUT_A_MASTER_MS = 30_000;
const LOOK_EVERY_MS = 50;
const ASK_WITHIN_MS = 2000;

/**
 * Resolves when one of two servers is the master that sentinels name, and the other follows it. Where
 * sentinels that are late have told each of them to follow the other one, none of the three ends that, and
 * the one that they name is made master, as an operator would.
 * @throws Error after a while
 */
export async function untilReplicating<N extends Asked>(
  nodes: readonly N[],
  sentinels: Pick<RedisSentinels, "named">,
): Promise<Roles<N>> {
  const giveUpAtMs = performance.now() + REPLICATES_WITHIN_MS;
  let anyMasterAtMs = performance.now();
  for (;;) {
    // Asked while it changes, each of them may say something else, or nothing.
    const [said, named] = await Promise.all([
      Promise.all(nodes.map(({ admin }) => within(admin.info("replication")))),
      within(sentinels.named()),
    ]);
    const at = said.findIndex(
      (info) => /^role:master/m.test(info ?? "") && /slave0:.*state=online/.test(info ?? ""),
    );
    const [master, replica] = [nodes[at], nodes.find((_node, index) => index !== at)];
    const follows = /^role:slave/m.test(said[1 - at] ?? "");
    if (master && replica && follows && named === master.server.port) return { master, replica };
    if (said.some((info) => !/^role:slave/m.test(info ?? ""))) anyMasterAtMs = performance.now();
    else if (performance.now() - anyMasterAtMs > WITHOUT_A_MASTER_MS) {
      anyMasterAtMs = performance.now();
      const chosen = nodes.find(({ server }) => server.port === named);
      if (chosen) await within(chosen.admin.replicaof("NO", "ONE"));
    }
    if (performance.now() > giveUpAtMs)
      throw new Error(`no replica follows: sentinels name :${named}; ${said.join("\n---\n")}`);
    await delay(LOOK_EVERY_MS);
  }
}

async function within<T>(answer: Promise<T>): Promise<T | undefined> {
  const late = delay(ASK_WITHIN_MS, undefined, { ref: false });
  return Promise.race([answer.catch(() => undefined), late]);
}
