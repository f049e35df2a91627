// The process that keeps the truth, forked by the checker; tells its port and ends with the checker.
import { serveTruth } from "./truth.js";

process.on("disconnect", () => process.exit(0));
process.send?.({ port: await serveTruth() });
