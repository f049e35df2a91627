// The page of entries: what the live index of one tenant's module lists. Bodies are not read.
// Tests: test/integration/console-pages.test.ts
import { readBeginning } from "../codec/entry-beginning.js";
import { isModuleName } from "../identifiers.js";
import type { EntryPage, ListedEntry } from "../store/entry-page.js";
import { Refused } from "./form.js";
import { type Html, html, link } from "./html.js";
import { table } from "./layout.js";
import type { Asked, Page } from "./page.js";
import { bytes, count, seconds, time } from "./quantities.js";

const ROWS = 50;
/** Headers in front of it are few; a longer identity is shown without its query. */
const HEAD_BYTES = 2048;

export const entriesPage: Page = {
  name: "entries",
  title: "Entries",
  async show(asked) {
    const { access, query, sources } = asked;
    if (!query.has("tenant")) return { content: chooser(asked, undefined, undefined) };
    const tenant = access.tenant(query.get("tenant"));
    if (tenant === undefined) return new Refused(403, "You may not see this tenant.");
    const module = query.get("module") ?? "";
    if (!isModuleName(module)) {
      const { modules } = await sources.tenant(tenant);
      const names = Object.keys(modules).map(
        (name) => html`<li><a href="${link("entries", { tenant, module: name })}">${name}</a></li>`,
      );
      return {
        content: html`${chooser(asked, tenant, undefined)}<h2>Modules of ${tenant}</h2><ul>${names}</ul>`,
      };
    }
    return { content: html`${chooser(asked, tenant, module)}${await listing(asked, tenant, module)}` };
  },
};

async function listing(asked: Asked, tenant: string, module: string): Promise<Html> {
  const { engine } = asked.sources;
  const { store, gate } = engine;
  if (!store.listEntries)
    return html`<p class="warning">The store "${store.kind}" cannot list what it holds.</p>`;
  const after = asked.query.get("after") ?? undefined;
  let page: EntryPage;
  try {
    const request = { tenant, module, after, most: ROWS, headBytes: HEAD_BYTES };
    page = await gate.run(() => store.listEntries?.(request) ?? Promise.resolve({ entries: [] }));
  } catch {
    return html`<p class="warning">The store does not answer now.</p>`;
  }
  const prefix = engine.keys.module(tenant, module);
  const gone = page.entries.filter((entry) => entry.bytes === 0).length;
  const heads = ["request", "scope", "status", "size", "ends in", "age", "action"];
  const rows = page.entries.map((entry) => row(asked, entry, { tenant, module, prefix }));
  return html`<h2>${module} of ${tenant}</h2>
${gone > 0 && html`<p class="warning">${count(gone)} of these are listed and gone: the server has evicted them for want of memory. <a href="${link("tenants", { tenant })}">Who holds how much</a></p>`}
${table(`Entries of ${module}, of ${tenant}`, heads, rows, "Nothing is stored under its current fences.")}
${page.next !== undefined && html`<p class="pages"><a href="${link("entries", { tenant, module, after: page.next })}">next ${ROWS}</a></p>`}
<p>What a tag or a URL has invalidated is listed until it ends or is asked for again.</p>`;
}

interface Place {
  readonly tenant: string;
  readonly module: string;
  readonly prefix: string;
}

function row({ access }: Asked, entry: ListedEntry, { tenant, module, prefix }: Place): Html {
  const beginning = readBeginning(entry.head);
  const name = entry.key.startsWith(prefix) ? entry.key.slice(prefix.length) : entry.key;
  const nowMs = Date.now();
  const url = beginning?.url;
  const state = entry.bytes === 0 ? "evicted" : beginning ? String(beginning.status) : "sealed";
  return html`<tr><th scope="row"><span class="url">${url ?? name}</span>${url !== undefined && html` <code>${name.slice(-8)}</code>`}</th>
<td>${beginning?.scope}</td><td>${state}</td><td>${bytes(entry.bytes)}</td>
<td title="${time(entry.expiresAtMs)}">${seconds(Math.max(0, entry.expiresAtMs - nowMs) / 1000)}</td>
<td>${beginning && seconds(Math.max(0, nowMs - beginning.createdAtMs) / 1000)}</td>
<td>${access.mayPurge && url !== undefined && html`<a href="${link("purge", { scope: "url", tenant, url, module })}">purge</a>`}</td></tr>`;
}

function chooser({ access }: Asked, tenant: string | undefined, module: string | undefined): Html {
  const own = access.own.map((id) => html`<option value="${id}"></option>`);
  return html`<form method="get" action="entries" class="row">
<label>Tenant <input name="tenant" required value="${tenant}" list="tenants" autocomplete="off"></label><datalist id="tenants">${own}</datalist>
<label>Module <input name="module" value="${module}" autocomplete="off"></label>
<button>Show</button></form>`;
}
