// Whether answers are right: whose they are, what they are of, and no older than a write that was answered before they were asked for.
import { type Place, versionIn } from "../scale-population.js";

const MAX_FAULTS = 20;

export class Judge {
  /** By tenant and module: the version that a write's answer has named, and how many writes were sent. */
  readonly #written = new Map<string, { confirmed: number; sent: number }>();
  readonly faults: string[] = [];
  wrong = 0;
  right = 0;

  writes({ tenant, module }: Place): (version: number) => void {
    const at = this.#at(tenant, module);
    at.sent++;
    return (version) => {
      at.confirmed = Math.max(at.confirmed, version);
    };
  }

  /** Called when a request is sent; what it returns, with the answer. */
  reads(place: Place): (body: Buffer) => void {
    const at = this.#at(place.tenant, place.module);
    const oldest = at.confirmed;
    return (body) => {
      const version = versionIn(body, place);
      if (typeof version === "string") this.#fault(place, version);
      else if (version < oldest) this.#fault(place, `version ${version}, after ${oldest} was confirmed`);
      else if (version > at.sent) this.#fault(place, `version ${version}, of ${at.sent} that were written`);
      else this.right++;
    };
  }

  #at(tenant: string, module: string): { confirmed: number; sent: number } {
    const name = `${tenant} ${module}`;
    let at = this.#written.get(name);
    if (!at) {
      at = { confirmed: 0, sent: 0 };
      this.#written.set(name, at);
    }
    return at;
  }

  #fault({ tenant, target }: Place, what: string): void {
    this.wrong++;
    if (this.faults.length < MAX_FAULTS) this.faults.push(`${tenant} ${target}: ${what}`);
  }
}
