// What the user's own functions return: ids that are numbers, promises that nobody awaits, strings that are empty.
// Tests: test/integration/misuse-values.test.ts
import { ID_FORM, idAdvice, tenantId } from "../identifiers.js";
import { isThenable, shown } from "../shown.js";
import { messageOf } from "../thrown.js";
import type { Advice } from "./advice.js";

const AT_ONCE =
  "it must answer at once: await it in middleware before the cache, and return what that has put on the request";

export class ReturnedValues {
  readonly #advice: Advice;
  #hasWrongTenants = false;

  constructor(advice: Advice) {
    this.#advice = advice;
  }

  /**
   * Whether the `tenant` option has returned something that is no id: nothing else need be said of requests
   * without one.
   */
  get hasWrongTenants(): boolean {
    return this.#hasWrongTenants;
  }

  /** What the `tenant` option returned and is no id. Nothing at all is no mistake. */
  wrongTenant(value: unknown): void {
    if (value === undefined || value === null) return;
    this.#hasWrongTenants = true;
    this.#tell(
      "the tenant option",
      value,
      tenantAdvice(value),
      "such requests bypass the cache, and such mutations invalidate nothing",
    );
  }

  /** What a `scope` function returned and is no string. */
  wrongScope(module: string, value: unknown): void {
    const advice =
      typeof value === "number"
        ? `return a string, as in String(${value})`
        : "return a role or a user, as a string that is not empty";
    this.#tell(`the scope function of module ${module}`, value, advice, "such requests bypass the cache");
  }

  /** What the lane's `identify` returned and is no identity. One without a tenant is no mistake. */
  wrongIdentity(value: unknown): void {
    const { tenant, tags, scope, principal } = Object(value) as Record<string, unknown>;
    const [text] = Object.entries({ scope, principal }).filter(
      ([, part]) => typeof (part ?? "") !== "string",
    );
    const [part, returned, advice]: readonly [string, unknown, string] =
      typeof value !== "object" || isThenable(value)
        ? ["", value, "return { tenant, scope, principal, tags }, or nothing where the app is to answer"]
        : tenantId(tenant) === undefined
          ? ["tenant of ", tenant, tenantAdvice(tenant)]
          : text
            ? [`${text[0]} of `, text[1], "return a string"]
            : ["tags of ", tags, "return an array of strings"];
    if (returned === undefined || returned === null) return;
    this.#tell(
      part === "" ? "the lane's identify" : `the ${part}the lane's identify`,
      returned,
      advice,
      "such requests go to the app",
    );
  }

  /** What another function of a route returned, and may not. */
  wrong(who: string, value: unknown, advice: string, consequence: string): void {
    this.#tell(who, value, advice, consequence);
  }

  /** A function that decides about the cache alone has thrown. */
  threw(who: string, error: unknown, consequence: string): void {
    this.#advice.tell(`${who} threw (${messageOf(error)}); ${consequence}`, `${who} threw`);
  }

  #tell(who: string, value: unknown, advice: string, consequence: string): void {
    // Nobody else waits for it: its rejection would end the process.
    if (isThenable(value)) value.then(undefined, () => undefined);
    const said = typeof value === "string" ? describedText(value) : shown(value);
    this.#advice.tell(
      `${who} returned ${said}: ${isThenable(value) ? AT_ONCE : advice}; ${consequence}`,
      `${who} ${typeof value}`,
    );
  }
}

function tenantAdvice(value: unknown): string {
  return typeof value === "string"
    ? `a tenant id has ${ID_FORM}`
    : idAdvice(value).replace(/^write/, "return");
}

/** A string may be what somebody has sent: its form is told, not what it says. */
function describedText(text: string): string {
  if (text === "") return '"", an empty string';
  const odd = /[^A-Za-z0-9._@-]/u.exec(text)?.[0];
  return odd === undefined
    ? `a string of ${text.length} characters`
    : `a string with ${JSON.stringify(odd)} in it`;
}
