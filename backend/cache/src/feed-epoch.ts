// The text of the feed's epoch, which entries carry: which modules are not covered under it, and of which catalogue it is.
// Tests: test/unit/feed-drain-state.test.ts

/** In front of a catalogue's version, where modules have their names. No module begins so. */
const VERSION_MARK = "@";

/** As it stands among the modules that are not covered. */
export const versionPart = (version: string): string => VERSION_MARK + version;

/** As `fence-token.ts` has fences; the modules that are not covered in between, so that no such entry is stored. */
export function epochOf(token: string, uncovered: readonly string[], nowMs: number): string {
  return `${token}${uncovered.map((module) => `!${module}`).join("")}.${nowMs}`;
}

function partsOf(epoch: string): string[] {
  return epoch.slice(0, epoch.lastIndexOf(".")).split("!").slice(1);
}

/** Whether fills of these modules must not be stored under this epoch. */
export function isUncovered(epoch: string, modules: readonly string[]): boolean {
  if (!epoch.includes("!")) return false;
  const uncovered = partsOf(epoch);
  return modules.some((module) => uncovered.includes(module));
}

/** Of the catalogue that the draining process has compared with the declaration. */
export function versionIn(epoch: string): string | undefined {
  return partsOf(epoch)
    .find((part) => part.startsWith(VERSION_MARK))
    ?.slice(VERSION_MARK.length);
}
