// Which app a command asks: where its operations are mounted, and what it is told of who asks.
// Tests: test/unit/cli-targets.test.ts
import { headerOf } from "../header-lines.js";
import { wrongArguments } from "./exit-codes.js";
import { type Environment, fromFile } from "./redis-target.js";

export interface AppOptions {
  readonly app?: string | undefined;
  readonly header?: readonly string[] | undefined;
}

export interface AppTarget {
  readonly kind: "app";
  /** Ends with a slash. */
  readonly base: URL;
  readonly headers: Headers;
  /** Without user and password. */
  readonly name: string;
}

/** `undefined` where neither an option nor a variable names an app. */
export function appTarget(options: AppOptions, env: Environment): AppTarget | undefined {
  const given = options.app ?? (env.ETC_APP_URL || undefined);
  if (given === undefined) return undefined;
  const source = options.app === undefined ? "ETC_APP_URL" : "--app";
  const base = baseOf(given, source);
  const headers = new Headers();
  if (env.ETC_APP_TOKEN) setHeader(headers, `Authorization: Bearer ${env.ETC_APP_TOKEN}`, "ETC_APP_TOKEN");
  if (base.username !== "" || base.password !== "") {
    const pair = [base.username, base.password].map((part) => decoded(part, source)).join(":");
    headers.set("authorization", `Basic ${Buffer.from(pair).toString("base64")}`);
    base.username = "";
    base.password = "";
  }
  for (const line of headerLines(options.header ?? [], "--header")) setHeader(headers, line, "--header");
  return { kind: "app", base, headers, name: base.href };
}

/** Each a header, or `@file` with one in each line. */
export function headerLines(given: readonly string[], source: string): string[] {
  return given.flatMap((each) =>
    fromFile(each, source)
      .split(/\r?\n/)
      .filter((line) => line.trim() !== ""),
  );
}

/** The line may hold a token: it is not repeated. */
export function wrongHeader(source: string): Error {
  return wrongArguments(`${source}: write "Name: value", or @file with such a line for each header`);
}

/** One that is there already is replaced. */
function setHeader(headers: Headers, line: string, source: string): void {
  const header = headerOf(line);
  if (!header) throw wrongHeader(source);
  headers.set(...header);
}

function decoded(part: string, source: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw wrongArguments(`${source} has a % that is no percent-encoding: write %25 for the character itself`);
  }
}

function baseOf(given: string, source: string): URL {
  let url: URL;
  try {
    url = new URL(given);
  } catch {
    throw wrongArguments(
      `${source}: write the URL where cache.operations is mounted, as http://127.0.0.1:3000/ops/cache-api`,
    );
  }
  if (url.protocol !== "http:" && url.protocol !== "https:")
    throw wrongArguments(`${source}: write an http:// or https:// URL; --redis is for a Redis`);
  url.search = "";
  url.hash = "";
  if (!url.pathname.endsWith("/")) url.pathname += "/";
  return url;
}
