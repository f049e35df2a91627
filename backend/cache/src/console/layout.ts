// The frame of every page: head, the ways to the others, and the assets by their hash.
// Tests: test/integration/console-pages.test.ts
import type { Access } from "../operations/access.js";
import { ASSET_VERSION } from "./assets.js";
import { type Html, html, link } from "./html.js";
import type { Page } from "./page.js";

export interface Frame {
  readonly title: string;
  readonly access: Access;
  /** Those that this person may go to. */
  readonly pages: readonly Page[];
  /** The one that is shown; absent for what is no page. */
  readonly current?: string | undefined;
  /** Of the form that signs out; absent where the console cannot do that. */
  readonly signOutToken?: string | undefined;
}

const MAX_TENANTS_NAMED = 5;

/** Pages below the mount, all on one level: links are relative, so that the console works behind any path. */
export function layout({ title, access, pages, current, signOutToken }: Frame, content: Html): Html {
  const more = access.own.length - MAX_TENANTS_NAMED;
  const named = access.own.slice(0, MAX_TENANTS_NAMED).join(", ") + (more > 0 ? ` and ${more} more` : "");
  const whose = access.seesAll ? "all tenants" : named || "no tenant";
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>${title} – cache</title>
<link rel="stylesheet" href="${link("console.css", { v: ASSET_VERSION })}">
<link rel="icon" href="${link("console.svg", { v: ASSET_VERSION })}">
<script src="${link("console.js", { v: ASSET_VERSION })}" defer></script>
</head>
<body>
<a class="skip" href="#main">Skip to content</a>
<header>
<p class="brand">express-tenant-cache</p>
<p class="who">${access.name}, ${whose}${access.mayPurge ? "" : ", view only"}</p>
${
  signOutToken !== undefined &&
  html`<form method="post" action="sign-out" class="sign-out">${tokenField(signOutToken)}<button>Sign out</button></form>`
}
<nav aria-label="Pages"><ul>${pages.map(
    ({ name, title: label }) =>
      html`<li><a href="${name === "" ? "./" : name}"${
        name === current ? html` aria-current="page"` : ""
      }>${label}</a></li>`,
  )}</ul></nav>
</header>
<main id="main" tabindex="-1">
<h1>${title}</h1>
${content}
</main>
</body>
</html>
`;
}

/** Each form that is posted has it: see `forgery.ts`. */
export function tokenField(token: string): Html {
  return html`<input type="hidden" name="token" value="${token}">`;
}

/** For who may see nothing: without a way to anything. */
export function bareLayout(title: string, message: string): Html {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title} – cache</title>
</head>
<body>
<main>
<h1>${title}</h1>
<p>${message}</p>
</main>
</body>
</html>
`;
}

/** A table that is scrolled within itself where the screen is narrow. */
export function table(caption: string, heads: readonly string[], rows: readonly Html[], none: string): Html {
  if (rows.length === 0) return html`<p class="none">${none}</p>`;
  const cells = heads.map((head) => html`<th scope="col">${head}</th>`);
  return html`<div class="scroll" role="region" aria-label="${caption}" tabindex="0"><table>
<caption>${caption}</caption>
<thead><tr>${cells}</tr></thead>
<tbody>${rows}</tbody>
</table></div>`;
}
