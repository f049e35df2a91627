// Behind a run: ends the servers that were started for it.
import { stops } from "./services.js";

export default async function stopServices(): Promise<void> {
  await Promise.allSettled(stops.splice(0).map((stop) => stop()));
}
