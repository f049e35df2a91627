// Parts of the console by themselves: the template's escaping, rates, and that the assets are what their sources say, and small.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "@jest/globals";
import { projectFile } from "../../../project-root.js";
import { assetsModule } from "../../scripts/console-assets.js";
import { CONSOLE_CSS, CONSOLE_JS } from "../../src/console/assets.js";
import { html, link } from "../../src/console/html.js";
import { Rates } from "../../src/operations/rates.js";

describe("parts of the console", () => {
  test("what is put into a template is text, whatever it is", () => {
    const evil = `<img src=x onerror="alert('1')">&`;
    const escaped = "&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt;&amp;";
    assert.equal(html`<p title="${evil}">${evil}</p>`.text, `<p title="${escaped}">${escaped}</p>`);
    assert.equal(html`${[html`<b>${evil}</b>`]}${undefined}${null}${false}${0}`.text, `<b>${escaped}</b>0`);
    assert.equal(html`${{ text: "<b>" } as never}`.text.includes("<b>"), false);
    assert.equal(link("entries", { tenant: 'a"b&c', module: undefined }), "entries?tenant=a%22b%26c");
  });

  test("a person's rate counts what was let through, others' do not count", () => {
    const rates = new Rates(2);
    assert.deepEqual([rates.take("a"), rates.take("a")], [undefined, undefined]);
    assert.ok((rates.take("a") ?? 0) > 58);
    assert.equal(rates.take("b"), undefined);
  });

  test("the assets are what npm run build:console makes of their sources, under 100 kB in all, and ask nobody else", () => {
    const written = readFileSync(projectFile("backend", "cache", "src", "console", "assets.ts"), "utf8");
    assert.equal(written, assetsModule(), "run npm run build:console");
    assert.ok(Buffer.byteLength(CONSOLE_JS + CONSOLE_CSS) < 100_000);
    assert.match(CONSOLE_JS, /Permission is hereby granted/);
    assert.doesNotMatch(CONSOLE_CSS, /@import|url\(/);
    assert.doesNotMatch(CONSOLE_JS, /\beval\(|new Function|innerHTML/);
  });
});
