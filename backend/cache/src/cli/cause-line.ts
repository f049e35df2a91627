// A cause as a line for people: when, whose, what, by whom and why.
// Tests: test/unit/cli-columns.test.ts
import type { Cause } from "../engine/cause-text.js";
import { printable } from "../printable.js";
import type { Output } from "./output.js";

/** What was made stale: `all`, `accounts, leads`, `tag account-42`, or a URL. */
export function partsText({ everything, modules, tags, kind }: Cause): string {
  if (everything) return "all";
  const names = [...modules, ...tags.map((tag) => `tag ${tag}`)].map(printable);
  if (names.length > 0) return names.join(", ");
  return kind === "forget" ? "a URL" : "-";
}

/** `route POST /api/accounts/:id, by 3f…, request 7c…: reason`. */
export function originText({ kind, name, actor, requestId, reason }: Cause): string {
  const text = (value: string | undefined) => (value === undefined ? undefined : printable(value));
  const parts = [
    [kind, text(name)].filter(Boolean).join(" "),
    actor && `by ${text(actor)}`,
    requestId && `request ${text(requestId)}`,
  ];
  return parts.filter(Boolean).join(", ") + (reason === undefined ? "" : `: ${text(reason)}`);
}

export function causeLine(output: Output, cause: Cause): string {
  const at = new Date(cause.atMs).toISOString().replace("T", " ").replace("Z", "");
  const tenant = output.paint("cyan", printable(cause.tenant));
  return `${output.paint("dim", at)}  ${tenant}  ${partsText(cause)}  ${output.paint("dim", originText(cause))}`;
}

/** With the time as people and programs read it. */
export function causeJson({ atMs, ...cause }: Cause): object {
  return { at: new Date(atMs).toISOString(), atMs, ...cause };
}
