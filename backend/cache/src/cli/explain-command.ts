// `explain`: what the next such request would be told, and why; or why one of the last minutes was no hit.
// Tests: test/integration/cli-app.test.ts, test/unit/cli-explain.test.ts
import type { Explanation, RequestExplanation } from "../express/explanation.js";
import { headersOfLines } from "../header-lines.js";
import { AppClient } from "./app-client.js";
import { type AppTarget, headerLines, wrongHeader } from "./app-target.js";
import type { Context } from "./context.js";
import { EXIT, type ExitCode, wrongArguments } from "./exit-codes.js";
import { explanationLines, requestLines } from "./explanation-text.js";
import { fromFile } from "./redis-target.js";

export interface ExplainOptions {
  readonly tenant?: string | undefined;
  readonly method?: string | undefined;
  readonly requestHeader?: readonly string[] | undefined;
  readonly body?: string | undefined;
  readonly requestId?: string | undefined;
}

export async function runExplain(
  context: Context,
  target: AppTarget,
  url: string | undefined,
  options: ExplainOptions,
): Promise<ExitCode> {
  const { output } = context;
  const { tenant, method, requestHeader = [], body, requestId } = options;
  if ((url === undefined) === (requestId === undefined))
    throw wrongArguments(
      'explain: write the URL of a request, as "/accounts?page=2", or --request-id with the id of one that was answered',
    );
  const client = new AppClient(target, context);
  if (requestId !== undefined) {
    const { requests } = await client.get<{ requests: RequestExplanation[] }>("explained", {
      requestId,
      tenant,
    });
    output.json({ requests });
    if (requests.length === 0)
      output.line(
        "nothing is known of it: it was a hit, was another process's, or was answered longer ago than 15 minutes",
      );
    for (const each of requests) for (const line of requestLines(output, each)) output.line(line);
    return EXIT.done;
  }
  const headers = headersOfLines(headerLines(requestHeader, "--request-header"));
  if (!headers) throw wrongHeader("--request-header");
  const { data } = await client.post<Explanation>("explain", {
    url,
    tenant,
    method,
    headers,
    ...(body !== undefined && { body: bodyOf(body) }),
  });
  output.json(data);
  for (const line of explanationLines(output, data)) output.line(line);
  return EXIT.done;
}

/** JSON is sent as such; all else as a text. */
function bodyOf(given: string): unknown {
  const text = fromFile(given, "--body");
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
