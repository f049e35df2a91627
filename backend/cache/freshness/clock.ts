// One clock for all processes of a run: what the checker, its backends and their reports call "ms".

/** Milliseconds on the machine's monotonic clock, the same in every process of it. */
export function machineNowMs(): number {
  return Number(process.hrtime.bigint() / 1000n) / 1000;
}
