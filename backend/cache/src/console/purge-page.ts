// The page of purges: a form, then a dry run, then the purge itself.
// Tests: test/integration/console-purge.test.ts
import { BoundedMap } from "../bounded-map.js";
import {
  estimate,
  inWords,
  isWide,
  type PurgeEstimate,
  type PurgeTarget,
  purge,
} from "../operations/purge-target.js";
import { Rates } from "../operations/rates.js";
import { monotonicNow } from "../timers.js";
import { isSigned, sign } from "./forgery.js";
import { type Form, Refused } from "./form.js";
import { type Html, html } from "./html.js";
import { tokenField } from "./layout.js";
import type { Asked, Page, Shown } from "./page.js";
import { readTarget, SCOPES } from "./purge-form.js";
import { bytes, count, milliseconds } from "./quantities.js";

const PURGES_A_MINUTE = 10;
const PURGES_OF_ALL_A_MINUTE = 60;
const DRY_RUNS_A_MINUTE = 30;
const PLAN_MS = 5 * 60_000;
const [MIN_REASON, MAX_REASON] = [3, 200];

/** A purge that has been planned: what, why, when, and the signature over it. */
interface Plan {
  readonly target: PurgeTarget;
  readonly reason: string;
  readonly at: string;
}

/** With the rates of one console. */
export function createPurgePage(): Page {
  const rates = {
    dryRuns: new Rates(DRY_RUNS_A_MINUTE),
    purges: new Rates(PURGES_A_MINUTE),
    ofAll: new Rates(PURGES_OF_ALL_A_MINUTE),
  };
  const used = new BoundedMap<true>({ maxCharacters: 1024 * 1024, maxEntries: 1000 });
  return {
    name: "purge",
    title: "Purge",
    isFor: ({ mayPurge }) => mayPurge,
    async show(asked) {
      if (!asked.access.mayPurge) return new Refused(403, "You may not purge.");
      return { content: html`<p>First a dry run: nothing is purged by it.</p>${form(asked, asked.query)}` };
    },
    async take(asked, sent) {
      const { access, sources } = asked;
      if (!access.mayPurge) return new Refused(403, "You may not purge.");
      const plan = readPlan(asked, sent);
      if (plan instanceof Refused) return plan;
      const signature = sent.get("plan");
      if (signature === undefined) {
        const waitSeconds = rates.dryRuns.take(access.name);
        if (waitSeconds !== undefined) return tooOften(waitSeconds);
        return dryRun(asked, plan, await estimate(plan.target, sources));
      }
      if (!isGood(asked, plan, signature) || used.has(signature))
        return new Refused(
          409,
          "This dry run is too old, was used before, or was for something else. Begin anew.",
        );
      const waitSeconds = rates.purges.take(access.name) ?? rates.ofAll.take("");
      if (waitSeconds !== undefined) return tooOften(waitSeconds);
      used.set(signature, true);
      const startedAtMs = monotonicNow();
      const confirmed = await onRecord(asked, plan);
      sources.forgetStats();
      return done(plan, confirmed, monotonicNow() - startedAtMs);
    },
  };
}

/** Among the causes: by whom, as a pseudonym, and why. */
function onRecord({ access, sources }: Asked, { target, reason }: Plan): Promise<boolean> {
  const actor = isWide(target.scope) ? {} : { actor: { tenant: target.tenant, subject: access.name } };
  return sources.cache.because({ reason, ...actor }, () => purge(target, sources.cache));
}

function tooOften(waitSeconds: number): Refused {
  return new Refused(429, `Too many within a minute. Try again in ${waitSeconds} s.`, waitSeconds);
}

function readPlan({ access }: Asked, sent: Form): Plan | Refused {
  const target = readTarget(sent, access);
  if (target instanceof Refused) return target;
  const reason = (sent.get("reason") ?? "").replaceAll(/\p{Cc}+/gu, " ").trim();
  if (reason.length < MIN_REASON || reason.length > MAX_REASON)
    return new Refused(400, `Say why, in ${MIN_REASON} to ${MAX_REASON} characters.`);
  return { target, reason, at: sent.get("at") ?? String(Date.now()) };
}

function textsOf({ access }: Asked, { target, reason, at }: Plan): readonly string[] {
  return ["purge", access.name, at, reason, target.scope, target.tenant, target.url, ...target.names];
}

function isGood(asked: Asked, plan: Plan, signature: string): boolean {
  const ageMs = Date.now() - Number(plan.at);
  return ageMs >= 0 && ageMs < PLAN_MS && isSigned(signature, asked.secret, ...textsOf(asked, plan));
}

function dryRun(
  asked: Asked,
  given: Plan,
  { entries, bytes: size, isExact, hitsPerSecond }: PurgeEstimate,
): Shown {
  const plan = { ...given, at: String(Date.now()) };
  const { target, reason } = plan;
  const most = isExact ? "" : "at most ";
  const hidden = {
    token: asked.token,
    scope: target.scope,
    tenant: target.tenant,
    names: target.names.join(" "),
    url: target.url,
    reason,
    at: plan.at,
    plan: sign(asked.secret, ...textsOf(asked, plan)),
  };
  const fields = Object.entries(hidden).map(
    ([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`,
  );
  return {
    content: html`<h2>Dry run</h2>
<p>Would purge <strong>${inWords(target)}</strong>. Nothing has been purged yet.</p>
<dl class="tiles">
<div><dt>Entries</dt><dd><strong>${most}${count(entries)}</strong></dd></div>
<div><dt>Size</dt><dd><strong>${most}${bytes(size)}</strong></dd></div>
<div><dt>Expected handler load</dt><dd><strong>at most ${count(entries)} runs</strong> <span>one for each entry that is asked for again; ${hitsPerSecond.toFixed(1)} hits a second of this process wait for them</span></dd></div>
</dl>
<p>Reason: ${reason}</p>
${isWide(target.scope) && html`<p class="warning">Whoever sees the causes of any tenant reads this reason: name nobody in it.</p>`}
<form method="post" action="purge">${fields}<button class="danger">Purge ${isWide(target.scope) ? "for all tenants" : "now"}</button> <a href="purge">Do not</a></form>`,
  };
}

function done({ target, reason }: Plan, confirmed: boolean, tookMs: number): Shown {
  const outcome = confirmed
    ? html`<p role="status" class="good">Confirmed in ${milliseconds(tookMs)}: every process compares its hits with the store, so none serves this any longer.</p>
<p>Routes with <code>maxStaleness</code> may compare with what they have read up to so many milliseconds before.</p>`
    : html`<p role="status" class="warning">Not confirmed: the store is away. The purge waits, and comes before the first hit of this process once the store is back. Other processes that reach the store go on until then.</p>`;
  return {
    content: html`<h2>Purged ${inWords(target)}</h2>${outcome}<p>Reason: ${reason}</p><p><a href="purge">Another one</a></p>`,
    status: confirmed ? 200 : 202,
  };
}

function form({ access, token }: Asked, query: URLSearchParams): Html {
  const chosen = query.get("scope") ?? "modules";
  const options = Object.entries(SCOPES)
    .filter(([scope]) => access.seesAll || (scope !== "everything" && scope !== "module-everywhere"))
    .map(
      ([scope, text]) =>
        html`<option value="${scope}"${scope === chosen && html` selected`}>${text}</option>`,
    );
  const [only = ""] = access.own.length === 1 ? access.own : [];
  return html`<form method="post" action="purge" class="stack">
${tokenField(token)}
<label>What <select name="scope">${options}</select></label>
<label>Tenant <input name="tenant" value="${query.get("tenant") ?? only}" autocomplete="off"></label>
<label>Modules or tags <input name="names" value="${query.get("module")}" autocomplete="off"></label>
<label>URL <input name="url" value="${query.get("url")}" autocomplete="off" placeholder="/accounts?page=2"></label>
<label>Reason <input name="reason" required minlength="${MIN_REASON}" maxlength="${MAX_REASON}" autocomplete="off"></label>
<button>Dry run</button></form>`;
}
