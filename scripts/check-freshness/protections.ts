// The protections that can be switched off: the checker must then find violations, which proves that it can.

/** What each protection prevents, in the words of the report. */
export const PROTECTIONS = {
  "compare-and-set": "a fill that began before a change is not stored after it",
  "fence-check": "an entry is served only while its fences are the current ones",
  "hold-back": "the answer to a write is held until the fences are replaced",
  "run-id": "a promoted replica's fences and entries from before it was promoted are not believed",
  guard: "a write is marked before its handler runs, so that a crash after the commit leaves nothing stale",
  "tenant-key": "every tenant has entries of its own",
} as const;

export type Protection = keyof typeof PROTECTIONS;

/** @throws RangeError that lists the protections */
export function protectionNamed(name: string): Protection {
  if (Object.hasOwn(PROTECTIONS, name)) return name as Protection;
  throw new RangeError(`"${name}" is not a protection; write one of: ${Object.keys(PROTECTIONS).join(", ")}`);
}
