// How long entries live in every subject: longer than a run.
export const TTL_SECONDS = 6 * 3600;
