// A key provider whose failures are told: once when they begin, once when they are over.
// Tests: test/integration/subject-upkeep.test.ts
import type { Logger } from "pino";
import { Outage } from "../../outage.js";
import { KeyDestroyed, type KeyProvider, KeysUnavailable } from "./key-provider.js";

/** What it throws is KeyDestroyed or KeysUnavailable, whatever the provider throws. */
export function watchedProvider(provider: KeyProvider, logger: Logger): KeyProvider {
  const outage = new Outage({
    began: (reason) =>
      logger.error(`subjects: the key provider fails (${reason}): what needs its keys is answered 503`),
    ended: (seconds, failures) =>
      logger.info(`subjects: the key provider works again; it failed ${failures} times within ${seconds} s`),
  });
  const watched = async <T>(work: Promise<T>): Promise<T> => {
    try {
      const result = await work;
      outage.worked();
      return result;
    } catch (error) {
      if (error instanceof KeyDestroyed) throw error;
      const told =
        error instanceof KeysUnavailable
          ? error
          : new KeysUnavailable("it does not answer", { cause: error });
      outage.failed(told.message);
      throw told;
    }
  };
  return {
    get currentVersion() {
      return provider.currentVersion;
    },
    generate: (ref) => watched(provider.generate(ref)),
    unwrap: (ref, wrapped) => watched(provider.unwrap(ref, wrapped)),
    rewrap: (ref, wrapped) => watched(provider.rewrap(ref, wrapped)),
    destroy: (ref) => watched(provider.destroy(ref)),
  };
}
