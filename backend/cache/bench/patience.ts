// The bench as a test of itself, on a machine that is busy with other tests: a store that answers late is no store that is away.

/** @returns options for the caches of subjects: none, unless `BENCH_PATIENT` is set, so that what is measured has its defaults */
export function patientOptions(): { readonly budgetMs?: number } {
  return process.env.BENCH_PATIENT ? { budgetMs: 10_000 } : {};
}
