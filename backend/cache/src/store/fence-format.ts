// `fences`: what the author of a store needs to write and read fences.
export { areSame, changedAtMs, isPending, newFence, PENDING_MARK } from "./fence-token.js";
