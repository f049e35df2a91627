// Purges in two steps: a dry run, whose answer is a signed plan, and what was planned.
// Tests: test/integration/operations-purge.test.ts
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { BoundedMap } from "../bounded-map.js";
import { monotonicNow } from "../timers.js";
import type { Access } from "./access.js";
import { type Answer, Refused, tooOften } from "./answer.js";
import type { Posted } from "./json-body.js";
import type { OperatedCache } from "./operated-cache.js";
import {
  estimate,
  inWords,
  isWide,
  type PurgeEstimate,
  type PurgeTarget,
  purge,
  readTarget,
} from "./purge-target.js";
import { Rates } from "./rates.js";

/** The answer to a dry run. */
export interface PurgePlan extends PurgeEstimate {
  /** Sent once more with the same purge, it is done. */
  readonly plan: string;
  readonly expiresAtMs: number;
  /** In words. */
  readonly what: string;
}

export interface PurgeResult {
  /** False: the store is away, and the purge waits for it. */
  readonly confirmed: boolean;
  readonly what: string;
  readonly tookMs: number;
}

const PURGES_A_MINUTE = 10;
const PURGES_OF_ALL_A_MINUTE = 60;
const DRY_RUNS_A_MINUTE = 30;
const PLAN_MS = 5 * 60_000;
const [MIN_REASON, MAX_REASON] = [3, 200];

export class Purges {
  readonly #cache: OperatedCache;
  readonly #secret = randomBytes(32);
  readonly #dryRuns = new Rates(DRY_RUNS_A_MINUTE);
  readonly #purges = new Rates(PURGES_A_MINUTE);
  readonly #ofAll = new Rates(PURGES_OF_ALL_A_MINUTE);
  readonly #used = new BoundedMap<true>({ maxCharacters: 1024 * 1024, maxEntries: 1000 });

  constructor(cache: OperatedCache) {
    this.#cache = cache;
  }

  async take(posted: Posted, access: Access): Promise<Answer | Refused> {
    if (!access.mayPurge) return new Refused(403, "forbidden", "you may not purge");
    const odd = Object.keys(posted).find((name) => !FIELDS.has(name));
    if (odd !== undefined) return new Refused(400, "ETC_OPTIONS", `there is no field ${odd}`);
    const target = readTarget(posted, access);
    if (target instanceof Refused) return target;
    const { reason: given, plan } = posted;
    const reason = typeof given === "string" ? given.replaceAll(/\p{Cc}+/gu, " ").trim() : "";
    if (reason.length < MIN_REASON || reason.length > MAX_REASON)
      return new Refused(400, "ETC_OPTIONS", `reason: say why, in ${MIN_REASON} to ${MAX_REASON} characters`);
    if (plan === undefined) return this.#plan(target, reason, access);
    if (typeof plan !== "string")
      return new Refused(400, "ETC_OPTIONS", "plan: write what the dry run has answered with");
    return this.#do(target, reason, access, plan);
  }

  async #plan(target: PurgeTarget, reason: string, access: Access): Promise<Answer | Refused> {
    const waitSeconds = this.#dryRuns.take(access.name);
    if (waitSeconds !== undefined) return tooOften(waitSeconds);
    const expiresAtMs = Date.now() + PLAN_MS;
    const plan = `${expiresAtMs}.${this.#sign(target, reason, access, expiresAtMs)}`;
    const found = await estimate(target, this.#cache);
    return { data: { plan, expiresAtMs, what: inWords(target), ...found } satisfies PurgePlan };
  }

  async #do(target: PurgeTarget, reason: string, access: Access, plan: string): Promise<Answer | Refused> {
    const [until = "", signature = ""] = plan.split(".");
    const expiresAtMs = Number(until);
    const wanted = Buffer.from(this.#sign(target, reason, access, expiresAtMs));
    const given = Buffer.from(signature);
    const isSigned = given.length === wanted.length && timingSafeEqual(given, wanted);
    if (!isSigned || !(expiresAtMs > Date.now()) || this.#used.has(signature)) {
      const why = "this plan is too old, was used before, is for something else, or another process made it";
      return new Refused(409, "plan", `${why}: plan anew`);
    }
    const waitSeconds = this.#purges.take(access.name) ?? this.#ofAll.take("");
    if (waitSeconds !== undefined) return tooOften(waitSeconds);
    // By what was signed: a plan can be written in many ways, "0" in front of it among them.
    this.#used.set(signature, true);
    const begunAtMs = monotonicNow();
    // Whose subject it is, where all tenants are concerned, nobody can say.
    const actor = isWide(target.scope) ? {} : { actor: { tenant: target.tenant, subject: access.name } };
    const confirmed = await this.#cache.because({ reason, ...actor }, () => purge(target, this.#cache));
    const tookMs = Math.round((monotonicNow() - begunAtMs) * 1000) / 1000;
    const done: PurgeResult = { confirmed, what: inWords(target), tookMs };
    return { status: confirmed ? 200 : 202, data: done };
  }

  #sign(target: PurgeTarget, reason: string, { name }: Access, expiresAtMs: number): string {
    const { scope, tenant, names, url } = target;
    const text = JSON.stringify([scope, tenant, names, url, reason, name, expiresAtMs]);
    return createHmac("sha256", this.#secret).update(text).digest("base64url");
  }
}

const FIELDS: ReadonlySet<string> = new Set(["scope", "tenant", "names", "url", "reason", "plan"]);
