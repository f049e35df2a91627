// The search for a stale read of the cache's protocol.
import { explore, type SearchResult } from "./explore.js";
import { faultSteps } from "./fault-steps.js";
import { leaseSteps } from "./lease-steps.js";
import { readerSteps } from "./reader-steps.js";
import { initialState, type Settings } from "./settings.js";
import { copyState, encode, type State } from "./state.js";
import { writerSteps } from "./writer-steps.js";

/** @throws where there are more than `maxStates` */
export function search(settings: Settings, maxStates = 5_000_000): SearchResult {
  return explore<State>(
    {
      first: initialState(settings),
      copy: copyState,
      encode,
      steps: (state, offer) => {
        writerSteps(state, settings, offer);
        readerSteps(state, settings, offer);
        faultSteps(state, settings, offer);
        leaseSteps(state, settings, offer);
      },
    },
    maxStates,
  );
}
