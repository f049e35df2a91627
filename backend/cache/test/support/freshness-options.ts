// What the brief runs of the freshness checker have in common.
export const BRIEFLY = {
  seed: 1,
  processes: 3,
  clients: 16,
  writeShare: 0.02,
  faultPauseMs: 200,
  seconds: Infinity,
};
