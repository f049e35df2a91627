// A process that writes to the overlay once, and is killed at a step of it.
// Arguments: the settings as JSON, the step it dies at, what it does.
import type { PoolClient } from "pg";
import { ADA, communication, type OverlaySettings, openOverlay } from "./overlay-database.js";

/** Where it can be killed, in their order. */
export const STEPS = ["sealed", "row", "recorded", "committed", "dropped", "done"] as const;
export type Step = (typeof STEPS)[number];
export const DEEDS = ["set", "delete", "complete"] as const;
export type Deed = (typeof DEEDS)[number];

const [settings, deadly, deed, id, lease] = process.argv.slice(2);
if (process.send && settings !== undefined) {
  await write(JSON.parse(settings) as OverlaySettings, deed as Deed);
}

async function write(given: OverlaySettings, what: Deed): Promise<void> {
  const dieAt = (step: Step) => {
    if (step === deadly) process.kill(process.pid, "SIGKILL");
  };
  const opened = await openOverlay(given);
  const { pool, trail, cache, vault } = opened;
  pool.on("connect", (client) => {
    const query = client.query.bind(client) as (...args: unknown[]) => Promise<unknown>;
    const watched = async (...args: unknown[]) => {
      const answer = await query(...args);
      const text = String(args[0]);
      if (/^\s*(INSERT INTO|DELETE FROM|UPDATE) overlay_(communications|ai_actions)/.test(text)) dieAt("row");
      if (text.includes("INSERT INTO audit_pending")) dieAt("recorded");
      if (text === "COMMIT" && isWriting) dieAt("committed");
      return answer;
    };
    Reflect.set(client, "query", watched as PoolClient["query"]);
  });
  let isWriting = false;
  const seal = vault.seal.bind(vault);
  Reflect.set(vault, "seal", async (...args: Parameters<typeof seal>) => {
    const bytes = await seal(...args);
    dieAt("sealed");
    isWriting = true;
    return bytes;
  });
  const space = cache.manager.tenant.bind(cache.manager);
  Reflect.set(cache.manager, "tenant", (tenantId: string) => {
    const own = space(tenantId);
    const remove = own.delete.bind(own);
    Reflect.set(own, "delete", async (...keys: string[]) => {
      const isGone = await remove(...keys);
      dieAt("dropped");
      return isGone;
    });
    return own;
  });
  const ada = opened.as(ADA);
  const about = String(id);
  if (what === "set") await ada.setCommunication(communication({ id: about, subject: "new" }), ADA);
  if (what === "delete") {
    // What it reads first is no step of the write.
    isWriting = true;
    await ada.deleteCommunication(about);
  }
  if (what === "complete") await ada.completeAIAction(about, String(lease), { text: "done" });
  void trail;
  dieAt("done");
  process.send?.("done");
  process.disconnect();
  await opened.close();
}
