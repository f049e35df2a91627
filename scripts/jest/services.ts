// What was started for a run, and has to be stopped behind it.
export const stops: (() => Promise<void>)[] = [];
