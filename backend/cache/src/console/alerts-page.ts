// The page of alerts: what is wrong, and what has been.
// Tests: test/integration/console-pages.test.ts
import { type Html, html } from "./html.js";
import { table } from "./layout.js";
import { linesOf } from "./overview-page.js";
import type { Page } from "./page.js";
import { seconds, time } from "./quantities.js";
import type { Sources } from "./sources.js";

/** The others are sums over tenants, and rules of the app's own may name them. */
const OF_NO_TENANT = new Set(["latency", "reconnecting"]);

export const alertsPage: Page = {
  name: "alerts",
  title: "Alerts",
  async show({ access, sources }) {
    const mayKnow = ({ name }: { readonly name: string }) => access.seesAll || OF_NO_TENANT.has(name);
    const now = Date.now();
    const raised = sources.monitor.alerts
      .filter(mayKnow)
      .map(
        ({ name, message, since }) =>
          html`<tr><th scope="row">${name}</th><td>${message}</td><td>${time(since)}</td><td>${seconds((now - since.getTime()) / 1000)}</td></tr>`,
      );
    const ended = sources.history.ended
      .filter(mayKnow)
      .map(
        ({ name, message, since, until }) =>
          html`<tr><th scope="row">${name}</th><td>${message}</td><td>${time(since)}</td><td>${time(until)}</td></tr>`,
      );
    return {
      content: html`<h2>Now</h2>
${table("Alerts that last", ["alert", "what", "since", "for"], raised, "No alert.")}
<h2>Ended</h2>
${table("Alerts that have ended", ["alert", "what", "since", "until"], ended, "None since the console was first asked.")}
${access.seesAll && said(sources)}`,
    };
  },
};

function said({ engine }: Sources): Html {
  const rows = linesOf(engine.logger).map(
    ({ at, level, text }) =>
      html`<tr><th scope="row">${time(at)}</th><td>${level}</td><td><span class="url">${text}</span></td></tr>`,
  );
  return html`<h2>What the cache has logged</h2>
${table("Warnings and errors of this process, the newest first", ["when", "level", "what"], rows, "No warning yet.")}`;
}
