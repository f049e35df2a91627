// The stages of a run by name.
export type StageName =
  | "deferred"
  | "guarded"
  | "failover"
  | "guarded-failover"
  | "leased"
  | "leased-guarded"
  | "leased-failover";
