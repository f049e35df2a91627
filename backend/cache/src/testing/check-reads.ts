// Checks `reads`: what a route declares that it depends on is what its handler was seen to read, where its pools are tracked.
// Tests: test/integration/auto-verify.test.ts
import type { ReadsEvent } from "../engine/events.js";
import { CheckFailure } from "./comparison.js";
import type { RouteProbe } from "./route-probe.js";

const UNSEEN = "nothing was seen to be read: call cache.track(pool) to have this verified";

export async function checkReads(probe: RouteProbe): Promise<string> {
  const seen = await probe.knownReads();
  const undeclared = new Set(seen.flatMap(undeclaredOf));
  if (undeclared.size > 0) {
    const [first] = seen;
    const tables = [...new Set(seen.flatMap((each) => each.tables))].join(", ");
    const names = [...undeclared].map((name) => `"${name}"`).join(", ");
    throw new CheckFailure(
      `the handler reads ${tables}, and module ${first?.module} does not depend on ${names}: write dependsOn: [${names}], or dependsOn: "auto"`,
    );
  }
  if (seen.length === 0) return UNSEEN;
  const unknown = seen.find(({ detail }) => detail !== undefined);
  if (unknown) return `what it was seen to read is declared; not all of it is known (${unknown.detail})`;
  return "what it reads is what it depends on";
}

function undeclaredOf({ dependsOn, module, modules }: ReadsEvent): readonly string[] {
  return dependsOn === "auto" ? [] : modules.filter((each) => each !== module && !dependsOn.includes(each));
}
