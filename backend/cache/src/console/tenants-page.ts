// The page of tenants: who holds how much, who stores how much, and whose entries make room for whose.
// Tests: test/integration/console-pages.test.ts
import type { TenantStats } from "../stats.js";
import { type Html, html, link } from "./html.js";
import { table } from "./layout.js";
import { quotaOf } from "./overview-page.js";
import type { Page } from "./page.js";
import { bytes, count, percent } from "./quantities.js";

const ROWS = 100;

interface SizedTenant {
  readonly tenant: string;
  readonly stats: TenantStats;
  readonly size: number | null;
}

export const tenantsPage: Page = {
  name: "tenants",
  title: "Tenants",
  async show({ access, query, sources }) {
    const [known, whole] = await Promise.all([
      sources.tenants(access),
      access.seesAll ? sources.whole() : undefined,
    ]);
    // Where not all entries are counted, what counts against the bound is known all the same.
    const isCounted = whole?.inventoryComplete ?? true;
    const sized = ([tenant, stats]: readonly [string, TenantStats]): SizedTenant => ({
      tenant,
      stats,
      size: isCounted ? stats.bytes : (stats.quotaBytes ?? stats.bytes),
    });
    const tenants = [...known].map(sized);
    const bytesOfAll = tenants.reduce((sum, { size }) => sum + (size ?? 0), 0);
    const setsOfAll = tenants.reduce((sum, { stats }) => sum + stats.sets, 0);
    tenants.sort((one, other) => (other.size ?? 0) - (one.size ?? 0) || other.stats.hits - one.stats.hits);
    const marked = access.tenant(query.get("tenant"));
    const first = Math.max(0, Math.trunc(Number(query.get("from"))) || 0);
    const shown = tenants.slice(first, first + ROWS);
    const chosen = tenants.filter(({ tenant }) => tenant === marked);
    const rows = shown.map((each) =>
      row(each, access.seesAll ? { bytesOfAll, setsOfAll } : undefined, each.tenant === marked),
    );
    const heads = [
      "tenant",
      "size",
      ...(access.seesAll ? ["of all", "of all stores"] : []),
      "of its bound",
      "entries",
      "hit ratio",
      "stored",
      "own made room",
      "not stored",
      "invalidations",
    ];
    return {
      content: html`${whole && pressure(tenants, bytesOfAll, whole.server?.evictedKeys ?? null)}
<p>A tenant's bound is ${bytes(quotaOf(sources))}. At its bound, its own entries make room, never another's.${
        !isCounted &&
        html` The store holds too many keys to count them all: sizes are what counts against the bound, entries are lower bounds, counted ${count(whole?.inventoryAgeSeconds ?? 0)} s ago.`
      }</p>
${chosen.map(({ tenant, stats }) => modulesOf(tenant, stats))}
${table("Tenants, the largest first", heads, rows, "No tenant has asked for anything yet.")}
${pages(first, tenants.length)}`,
    };
  },
};

/** The server evicts by use, whoever's it is: who stores most pushes others out. */
function pressure(tenants: readonly SizedTenant[], all: number, evicted: number | null): Html | undefined {
  const [largest] = tenants;
  if (!largest || all === 0 || evicted === null || evicted === 0) return undefined;
  return html`<p class="warning">The store has evicted ${count(evicted)} keys for want of memory. It does so by use, across tenants: ${largest.tenant} presses most, with ${percent((largest.size ?? 0) / all)} of all bytes.</p>`;
}

function row(
  { tenant, stats, size }: SizedTenant,
  all: { readonly bytesOfAll: number; readonly setsOfAll: number } | undefined,
  isMarked: boolean,
): Html {
  const share = (part: number | null, whole: number) =>
    percent(part === null || whole === 0 ? null : part / whole);
  return html`<tr${isMarked && html` class="marked"`}><th scope="row"><a href="${link("tenants", { tenant })}">${tenant}</a></th>
<td>${bytes(size)}</td>${
    all && html`<td>${share(size, all.bytesOfAll)}</td><td>${share(stats.sets, all.setsOfAll)}</td>`
  }<td>${bytes(stats.quotaBytes)}</td><td>${count(stats.entries)}</td><td>${percent(stats.hitRatio)}</td>
<td>${count(stats.sets)}</td><td>${count(stats.quotaEvictions)}</td><td>${count(stats.quotaRefusals)}</td><td>${count(stats.invalidations)}</td></tr>`;
}

function modulesOf(tenant: string, { modules }: TenantStats): Html {
  const rows = Object.entries(modules).map(
    ([module, stats]) =>
      html`<tr><th scope="row"><a href="${link("entries", { tenant, module })}">${module}</a></th><td>${bytes(stats.bytes)}</td>
<td>${count(stats.entries)}</td><td>${percent(stats.hitRatio)}</td><td>${count(stats.sets)}</td><td>${count(stats.quotaEvictions)}</td><td>${count(stats.invalidations)}</td></tr>`,
  );
  const heads = ["module", "size", "entries", "hit ratio", "stored", "made room", "invalidations"];
  return html`<h2>${tenant}</h2>${table(`Modules of ${tenant}`, heads, rows, "Nothing is stored of it.")}`;
}

function pages(first: number, all: number): Html | undefined {
  if (all <= ROWS) return undefined;
  const before =
    first > 0 && html`<a href="${link("tenants", { from: String(Math.max(0, first - ROWS)) })}">larger</a>`;
  const after =
    first + ROWS < all && html`<a href="${link("tenants", { from: String(first + ROWS) })}">smaller</a>`;
  return html`<p class="pages">${count(first + 1)} to ${count(Math.min(first + ROWS, all))} of ${count(all)} ${before} ${after}</p>`;
}
