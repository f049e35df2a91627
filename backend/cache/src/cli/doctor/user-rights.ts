// Whether the user may do all that the cache needs: each command of the least rule is tried, and none changes anything.
// Tests: test/integration/cli-doctor.test.ts
import { messageOf } from "../../store/redis/error-messages.js";
import {
  KEY_FAMILIES,
  keyRules,
  LEAST_COMMANDS,
  LEAST_OF_CLUSTER,
  type LeastCommand,
  type LeastUse,
  PARKED_FAMILY,
} from "../../store/redis/least-user.js";
import { refused } from "../exit-codes.js";
import { isForbidden, isLost, type RedisNode } from "../redis-access.js";
import type { Finding, Severity } from "./finding.js";

export interface RightsOf {
  /** Whose; `undefined`: the connected user's. */
  readonly user: string | undefined;
  /** As the URL says, where the server does not tell. */
  readonly connectedAs: string | undefined;
  readonly prefix: string;
  readonly isCluster: boolean;
}

const WITHOUT: Readonly<Record<LeastUse, string>> = {
  all: "the cache does not work: all requests go to their handlers",
  identity:
    "processes cannot tell one server from another: each keeps entries of its own, and loses them when it connects anew",
  name: "connections have no name in CLIENT LIST",
  databases: "the cache does not work in another database than 0",
  toolkit: "counters and locks of the toolkit do not work",
  parking:
    "values above 2 KB are stored through a script's arguments, which takes the server several times as long",
  reports: "sweeps by a walk through the keys, clear and cache-stats do not work",
  causes: "nobody can say who has made an entry stale",
  cluster: "the cache cannot use this Cluster",
};

const SEVERITIES: Readonly<Record<LeastUse, Severity>> = {
  all: "error",
  databases: "error",
  cluster: "error",
  identity: "warning",
  toolkit: "warning",
  reports: "warning",
  causes: "warning",
  name: "info",
  parking: "info",
};

/** Part of no tenant's keys: `!` begins no tenant's id. */
const PROBED = "!probe";

interface Missing extends LeastCommand {
  /** Nobody has it, whatever the rights. */
  readonly isUnknown: boolean;
}

export async function judgeRights(node: RedisNode, of: RightsOf): Promise<Finding[]> {
  const name = of.user ?? (await nameOf(node, of.connectedAs));
  const key = `${of.prefix}fence:${PROBED}`;
  const commands = [...LEAST_COMMANDS.flat(), ...(of.isCluster ? LEAST_OF_CLUSTER : [])];
  const missing: Missing[] = [];
  let tried = 0;
  for (const each of commands) {
    if (!each.harmless) continue;
    tried += 1;
    const reason = await refusalOf(node, of, each.command.split("|"), each.harmless(key));
    // Which keys the user may use is asked for behind.
    if (reason === undefined || isAboutKeys(reason)) continue;
    missing.push({ ...each, isUnknown: isUnknownCommand(reason) });
  }
  const families = await refusedFamilies(node, of, missing);
  const findings = byUse(missing).map((some) => told(node, name, some));
  if (families.length > 0) {
    const rules = keyRules(of.prefix).map((rule) => `'${rule}'`);
    const isParkingAlone = families.every((family) => family === `${of.prefix}${PARKED_FAMILY}:`);
    findings.push({
      id: isParkingAlone ? "acl-parking-keys" : "acl-keys",
      severity: SEVERITIES[isParkingAlone ? "parking" : "all"],
      node: node.address,
      says: `user ${name} may not use keys that begin with ${families.join(", ")}`,
      means: WITHOUT[isParkingAlone ? "parking" : "all"],
      write: `ACL SETUSER ${name} ${rules.join(" ")}`,
    });
  }
  if (findings.length > 0) return findings;
  const says = `user ${name}: all ${tried} commands and ${KEY_FAMILIES.length} kinds of keys are allowed`;
  return [{ id: "acl", severity: "ok", node: node.address, says }];
}

/** Those that are missed alike, so that one line allows them. */
function byUse(missing: readonly Missing[]): Missing[][] {
  const groups = new Map<string, Missing[]>();
  for (const each of missing) {
    const group = `${each.use} ${each.isUnknown}`;
    groups.set(group, [...(groups.get(group) ?? []), each]);
  }
  return [...groups.values()];
}

function told(node: RedisNode, name: string, missing: readonly Missing[]): Finding {
  const [{ use, isUnknown } = { use: "all" as const, isUnknown: false }] = missing;
  const commands = missing.map(({ command }) => command);
  return {
    id: `acl-${use === "all" ? "commands" : use}`,
    severity: SEVERITIES[use],
    node: node.address,
    says: isUnknown
      ? `the server does not have ${commands.join(", ")}`
      : `user ${name} may not use ${commands.join(", ")}`,
    means: WITHOUT[use],
    write: isUnknown
      ? "a server that has them, and has not renamed them"
      : `ACL SETUSER ${name} ${commands.map((command) => `+${command}`).join(" ")}`,
    commands,
  };
}

/** Why this command is refused; `undefined` where it is allowed, whatever the server says to its arguments. */
async function refusalOf(
  node: RedisNode,
  { user }: RightsOf,
  [name = "", ...subcommands]: readonly string[],
  args: readonly (string | number)[],
): Promise<string | undefined> {
  if (user !== undefined) return dryRun(node, user, [name, ...subcommands, ...args]);
  try {
    await node.call(name, ...subcommands, ...args);
    return undefined;
  } catch (error) {
    const reason = messageOf(error);
    if (isLost(reason)) throw error;
    return isForbidden(reason) || isUnknownCommand(reason) ? reason : undefined;
  }
}

/** What another user may do, only an administrator may ask. */
async function dryRun(
  node: RedisNode,
  user: string,
  command: readonly (string | number)[],
): Promise<string | undefined> {
  let answer: string;
  try {
    answer = String(await node.call("acl", "dryrun", user, ...command));
  } catch (error) {
    const reason = messageOf(error);
    if (/unknown subcommand|unknown command 'acl/i.test(reason))
      throw refused(
        `--acl-user needs ACL DRYRUN, which ${node.address} does not have (Redis 7 or newer): connect as ${user} instead`,
      );
    if (isForbidden(reason))
      throw refused(
        `--acl-user needs a user who may use ACL DRYRUN (${reason}): connect as an administrator, or as ${user} itself`,
      );
    if (/not found/i.test(reason)) throw refused(`--acl-user: ${node.address} has no user ${user}`);
    // The command itself is wrong for this server: it would be for the user, too.
    if (/unknown command|not found|wrong number/i.test(reason)) return reason;
    throw error;
  }
  return answer === "OK" ? undefined : `NOPERM ${answer}`;
}

const isUnknownCommand = (reason: string) => /unknown (sub)?command|unsupported command/i.test(reason);

const isAboutKeys = (reason: string) => /\bkeys?\b/.test(reason) && !/unknown command/i.test(reason);

async function refusedFamilies(
  node: RedisNode,
  of: RightsOf,
  missing: readonly Missing[],
): Promise<readonly string[]> {
  // Any command with a key will do: the first that is allowed.
  const lacking = new Set(missing.map(({ command }) => command));
  const able = LEAST_COMMANDS.flat().find(
    ({ command, harmless }) => !lacking.has(command) && harmless?.("?")[0] === "?",
  );
  if (!able?.harmless) return [];
  const refusedKeys: string[] = [];
  for (const family of KEY_FAMILIES) {
    const key = `${of.prefix}${family}:${PROBED}`;
    const reason = await refusalOf(node, of, [able.command], able.harmless(key));
    if (reason !== undefined && isAboutKeys(reason)) refusedKeys.push(`${of.prefix}${family}:`);
  }
  return refusedKeys;
}

async function nameOf(node: RedisNode, connectedAs = "default"): Promise<string> {
  try {
    return String(await node.call("acl", "whoami"));
  } catch {
    return connectedAs;
  }
}
