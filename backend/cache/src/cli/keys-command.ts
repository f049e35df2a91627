// `keys`: what is stored of whom, from the indexes: tenants, a tenant's modules, or a page of a module's entries.
// Tests: test/integration/cli-redis.test.ts
import { readBeginning } from "../codec/entry-beginning.js";
import { printable } from "../printable.js";
import { messageOf } from "../store/redis/error-messages.js";
import { table } from "./columns.js";
import type { Context } from "./context.js";
import { EXIT, type ExitCode, wrongArguments } from "./exit-codes.js";
import { lookAtRedis } from "./on-redis.js";
import { bytesText, countText, durationText } from "./quantities-text.js";
import { isForbidden, type RedisAccess } from "./redis-access.js";
import type { RedisTarget } from "./redis-target.js";
import { fencesOf, holdingsOf, tenantsOf } from "./tenant-holdings.js";

export interface KeysOptions {
  readonly tenant?: string | undefined;
  readonly module?: string | undefined;
  readonly after?: string | undefined;
  readonly limit: number;
}

interface ListedKey {
  readonly key: string;
  /** `null`: a value of the toolkit, sealed, or not allowed to be read. */
  readonly url: string | null;
  readonly scope: string | null;
  readonly status: number | null;
  /** 0: the server has evicted it. */
  readonly bytes: number;
  readonly ageSeconds: number | null;
  readonly lifeSeconds: number;
}

/** Its identity is in it, its body is not. */
const HEAD_BYTES = 2048;

export async function runKeys(
  context: Context,
  target: RedisTarget,
  { tenant, module, after, limit }: KeysOptions,
): Promise<ExitCode> {
  const { output } = context;
  if (module !== undefined && tenant === undefined)
    throw wrongArguments("keys --module needs --tenant: entries are listed by tenant and module");
  if (after !== undefined && module === undefined)
    throw wrongArguments("keys --after needs --tenant and --module: it goes on in a list of entries");
  return lookAtRedis(context, target, async (access) => {
    if (tenant === undefined) await listTenants({ output }, access, limit);
    else if (module === undefined) await listModules({ output }, access, tenant);
    else await listEntries({ output }, access, { tenant, module, after, limit });
    return EXIT.done;
  });
}

async function listTenants(
  { output }: Pick<Context, "output">,
  access: RedisAccess,
  limit: number,
): Promise<void> {
  const found: string[] = [];
  let isComplete = true;
  for await (const page of tenantsOf(access)) {
    found.push(...page);
    if (found.length <= limit) continue;
    isComplete = false;
    break;
  }
  const holdings = await holdingsOf(access, found.slice(0, limit));
  holdings.sort((one, other) => other.bytes - one.bytes);
  const rows = holdings.map(({ tenant, modules, entries, bytes }) => ({
    tenant,
    modules: modules.map(({ module }) => module),
    entries,
    bytes,
  }));
  output.json({ tenants: rows, complete: isComplete });
  if (rows.length === 0) output.line(`no tenant has anything stored${prefixHint(access)}`);
  else
    for (const line of table(
      [
        { title: "tenant" },
        { title: "entries", isFigure: true },
        { title: "bytes", isFigure: true },
        { title: "modules", mayCut: true },
      ],
      rows.map((row) => [
        printable(row.tenant),
        countText(row.entries),
        bytesText(row.bytes),
        row.modules.map(printable).join(", "),
      ]),
      output.columns,
    ))
      output.line(line);
  if (!isComplete) output.warn(`there are more tenants: --limit ${limit * 10} shows more of them`);
}

async function listModules(
  { output }: Pick<Context, "output">,
  access: RedisAccess,
  tenant: string,
): Promise<void> {
  const [holding] = await holdingsOf(access, [tenant]);
  const modules = holding?.modules ?? [];
  output.json({ tenant, modules, sweepableEntries: holding?.sweepableEntries ?? 0 });
  if (modules.length === 0)
    output.line(`nothing is stored of tenant ${printable(tenant)}${prefixHint(access)}`);
  else
    for (const line of table(
      [{ title: "module" }, { title: "entries", isFigure: true }, { title: "bytes", isFigure: true }],
      modules.map(({ module, entries, bytes }) => [printable(module), countText(entries), bytesText(bytes)]),
      output.columns,
    ))
      output.line(line);
  if (holding && holding.sweepableEntries > 0)
    output.line(`${countText(holding.sweepableEntries)} more were made stale, and wait for a sweep`);
}

/** Most often a prefix is missing. */
function prefixHint({ keys }: RedisAccess): string {
  return keys.prefix === "" ? " without a prefix: is --prefix missing?" : ` under the prefix ${keys.prefix}`;
}

async function listEntries(
  { output }: Pick<Context, "output">,
  access: RedisAccess,
  request: {
    readonly tenant: string;
    readonly module: string;
    readonly after: string | undefined;
    readonly limit: number;
  },
): Promise<void> {
  const { tenant, module, limit } = request;
  const { keys, next } = await pageOf(access, request);
  const isReadable = { is: true };
  const entries: ListedKey[] = [];
  // A few at a time: they may be as many as somebody likes.
  for (let from = 0; from < keys.length; from += 50)
    entries.push(
      ...(await Promise.all(keys.slice(from, from + 50).map((each) => lookAt(access, each, isReadable)))),
    );
  output.json({ tenant, module, entries, next });
  if (entries.length === 0) output.line("no entries");
  else
    for (const line of table(
      [
        { title: "url or key", mayCut: true },
        { title: "scope", mayCut: true },
        { title: "status", isFigure: true },
        { title: "bytes", isFigure: true },
        { title: "age", isFigure: true },
        { title: "ends in", isFigure: true },
      ],
      entries.map((entry) => [
        printable(entry.url ?? entry.key),
        printable(entry.scope ?? ""),
        entry.status === null ? "" : String(entry.status),
        entry.bytes === 0 ? "evicted" : bytesText(entry.bytes),
        durationText(entry.ageSeconds),
        durationText(entry.lifeSeconds),
      ]),
      output.columns,
    ))
      output.line(line);
  if (!isReadable.is)
    output.warn("URLs are not shown: this user may not read the beginning of entries (ACL: +getrange)");
  if (next !== null && !output.isJson) {
    output.line();
    output.line(`more: --limit ${limit} --after '${printable(next)}'`);
  }
}

interface KeyAt {
  readonly key: string;
  readonly expiresAtMs: number;
}

/**
 * In the order in which they expire. The cursor is the place of the last one and its key, so that entries which
 * come and go do not shift pages.
 */
async function pageOf(
  access: RedisAccess,
  request: {
    readonly tenant: string;
    readonly module: string;
    readonly after: string | undefined;
    readonly limit: number;
  },
): Promise<{ readonly keys: readonly KeyAt[]; readonly next: string | null }> {
  const { tenant, module, after, limit } = request;
  const [, place = String(Date.now()), last = ""] = /^(\d+(?:\.\d+)?) (\S+)$/s.exec(after ?? "") ?? [];
  if (after !== undefined && last === "")
    throw wrongArguments("--after: write what the page before has shown behind --after");
  const fences = await fencesOf(access, tenant, [module]);
  const index = access.keys.index(tenant, module, fences.join("_"));
  const found: { readonly key: string; readonly score: string }[] = [];
  let offset = 0;
  let page: string[];
  do {
    const range = ["withscores", "limit", offset, limit + 1] as const;
    page = (await access.call("zrangebyscore", index, place, "+inf", ...range)) as string[];
    for (let at = 0; at < page.length; at += 2) {
      const [key = "", score = ""] = page.slice(at, at + 2);
      if (score !== place || key > last) found.push({ key, score });
    }
    offset += limit + 1;
  } while (page.length === 2 * (limit + 1) && found.length <= limit);
  const shown = found.slice(0, limit);
  const end = shown.at(-1);
  return {
    keys: shown.map(({ key, score }) => ({ key, expiresAtMs: Math.floor(Number(score)) })),
    next: found.length > limit && end ? `${end.score} ${end.key}` : null,
  };
}

async function lookAt(
  access: RedisAccess,
  { key, expiresAtMs }: KeyAt,
  isReadable: { is: boolean },
): Promise<ListedKey> {
  const nowMs = Date.now();
  const bytes = Number(await access.call("strlen", key));
  const beginning = bytes > 0 && isReadable.is ? await beginningOf(access, key, isReadable) : undefined;
  return {
    key,
    url: beginning?.url ?? null,
    scope: beginning?.scope ? beginning.scope : null,
    status: beginning?.status ?? null,
    bytes,
    ageSeconds: beginning ? Math.max(0, Math.round((nowMs - beginning.createdAtMs) / 1000)) : null,
    lifeSeconds: Math.round((expiresAtMs - nowMs) / 1000),
  };
}

async function beginningOf(
  access: RedisAccess,
  key: string,
  isReadable: { is: boolean },
): Promise<ReturnType<typeof readBeginning>> {
  try {
    return readBeginning(await access.bytes("getrange", key, 0, HEAD_BYTES - 1));
  } catch (error) {
    if (!isForbidden(messageOf(error))) throw error;
    isReadable.is = false;
    return undefined;
  }
}
