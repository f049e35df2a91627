// Whether this process is one of several that serve the same app: each would have an in-process store of its own.
// Tests: test/integration/several-processes.test.ts
import cluster from "node:cluster";

/** How it is one of several, for a message; `undefined` where nothing says so. */
export function siblingsOf(env: NodeJS.ProcessEnv): string | undefined {
  const { NODE_APP_INSTANCE, NODE_UNIQUE_ID, pm_id, instances, exec_mode } = env;
  const instance = NODE_APP_INSTANCE ?? pm_id;
  if (instance !== undefined) {
    // PM2 gives its numbers to single processes, too, and says that they are single.
    const isSingle =
      instance === "0" && (instances === "1" || (instances === undefined && exec_mode === "fork_mode"));
    return isSingle ? undefined : `this process is instance ${instance} of several (PM2)`;
  }
  if (cluster.isWorker || NODE_UNIQUE_ID !== undefined) return "this process is one of a cluster's workers";
  return undefined;
}
