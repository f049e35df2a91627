// Behind a run: ends the servers that were started for it, the last one first.
import { stops } from "./services.js";

export default async function stopServices(): Promise<void> {
  for (const stop of stops.splice(0).reverse()) await stop().catch(() => undefined);
}
