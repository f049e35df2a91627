// The page of the live tail: filled by the script, from the stream that `tail-events` is.
// Tests: test/integration/console-tail.test.ts
import { html } from "./html.js";
import type { Page } from "./page.js";

export const tailPage: Page = {
  name: "tail",
  title: "Live tail",
  async show({ query }) {
    return {
      content: html`<form class="row" id="tail-form" method="get" action="tail">
<label>Tenant <input name="tenant" value="${query.get("tenant")}" autocomplete="off"></label>
<label>Module <input name="module" value="${query.get("module")}" autocomplete="off"></label>
<label>One of <input name="sample" type="number" min="1" max="1000" value="${query.get("sample") ?? "1"}"></label>
<button>Follow</button> <button type="button" id="tail-stop">Stop</button></form>
<p id="tail-state" role="status">The live tail needs the script.</p>
<div class="scroll" role="region" aria-label="Events" tabindex="0"><table id="tail">
<caption>Events of this process, the newest first</caption>
<thead><tr><th scope="col">at</th><th scope="col">event</th><th scope="col">tenant</th><th scope="col">module</th><th scope="col">detail</th><th scope="col">key</th></tr></thead>
<tbody></tbody></table></div>`,
    };
  },
};
