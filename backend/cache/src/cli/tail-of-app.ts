// `tail` of an app: what each request was told and what was made stale, as it happens in the process that answers.
// Tests: test/integration/cli-live.test.ts
import type { Cause } from "../engine/cause-text.js";
import { printable } from "../printable.js";
import { delay } from "../timers.js";
import { AppClient } from "./app-client.js";
import type { AppTarget } from "./app-target.js";
import { causeJson, causeLine } from "./cause-line.js";
import type { Context } from "./context.js";
import { EXIT, type ExitCode } from "./exit-codes.js";
import { repeat } from "./lasting.js";
import type { Output, Style } from "./output.js";
import type { TailOptions } from "./tail-of-redis.js";

export interface TailOfAppOptions extends TailOptions {
  readonly event?: readonly string[] | undefined;
  readonly sample?: number | undefined;
}

/** The app ends a tail after five minutes, so that its `authorize` is asked again. */
const AGAIN_MS = 100;

const STYLES: Readonly<Record<string, Style>> = {
  hit: "green",
  stale: "green",
  miss: "yellow",
  bypass: "red",
  alarm: "red",
  invalidated: "cyan",
};

export async function runTailOfApp(
  context: Context,
  target: AppTarget,
  { tenant, module, lines, follow, event, sample }: TailOfAppOptions,
): Promise<ExitCode> {
  const { output, ended } = context;
  const client = new AppClient(target, context);
  if (tenant !== undefined && lines > 0) {
    const { causes } = await client.get<{ causes: Cause[] }>("causes", { tenant, module, limit: lines });
    for (const cause of [...causes].reverse()) {
      output.jsonLine(causeJson(cause));
      output.line(causeLine(output, cause));
    }
  }
  if (!follow) return EXIT.done;
  const query = { tenant, module, event: event?.join(","), sample };
  await repeat(context, AGAIN_MS, async (answered) => {
    for await (const each of client.lines("tail", query)) {
      answered();
      show(output, each);
    }
    if (!ended.aborted) await delay(AGAIN_MS, undefined, { signal: ended }).catch(() => undefined);
    return "go on";
  });
  return EXIT.done;
}

function show(output: Output, each: Record<string, unknown>): void {
  if (each.event === undefined) {
    // How many there were; nothing was left out most of the time.
    const skipped = Number(each.skipped);
    if (!(skipped > 0)) return;
    output.jsonLine({ seen: each.seen, skipped });
    output.line(output.paint("dim", `… ${skipped} of ${Number(each.seen)} events were left out`));
    return;
  }
  const { atMs, ...rest } = each;
  const at = new Date(Number(atMs)).toISOString();
  output.jsonLine({ at, atMs, ...rest });
  const name = String(each.event);
  const text = (value: unknown) => (value === undefined || value === null ? "" : printable(String(value)));
  const time = output.paint("dim", at.slice(0, 23).replace("T", " "));
  const painted = output.paint(STYLES[name] ?? "bold", name.padEnd(11));
  if (name === "invalidated") {
    const line = causeLine(output, { ...(each as unknown as Cause), atMs: Number(atMs) });
    // The time stands in front of the name.
    output.line(
      `${time}  ${painted}  ${line.slice(line.indexOf("  ") + 2)}${each.confirmed === false ? "  not confirmed" : ""}`,
    );
    return;
  }
  const what = [text(each.tenant) || "-", text(each.module), text(each.detail), text(each.key)].filter(
    Boolean,
  );
  output.line(`${time}  ${painted}  ${what.join("  ")}`);
}
