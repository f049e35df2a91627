// Loads the console when it is called for: an app without one has nothing of it.
// Tests: test/integration/console-access.test.ts
import type { ConsoleHandler, ConsoleOptions } from "./options/console-options.js";
import type { TenantCache } from "./tenant-cache.js";

type LoadedConsole = (
  cache: TenantCache,
  options: ConsoleOptions,
  surplus: readonly unknown[],
) => ConsoleHandler;

/** The one room above this one that is loaded from here. */
export function loadConsole(): LoadedConsole {
  const { createConsole } = require("./console/create-console.js") as { createConsole: LoadedConsole };
  return createConsole;
}
