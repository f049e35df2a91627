// What the console sends: its headers, its assets, pages, files and redirects.
// Tests: test/integration/console-access.test.ts
import type { IncomingMessage, ServerResponse } from "node:http";
import { ASSET_VERSION, CONSOLE_CSS, CONSOLE_JS } from "./assets.js";
import type { Html } from "./html.js";
import type { ShownFile } from "./page.js";

const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/** Without one, browsers ask the app for its `/favicon.ico`. */
const ICON =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="3" fill="#0969da"/><path d="M3 5h10M3 8h7M3 11h4" stroke="#fff" stroke-width="2"/></svg>';

const ASSETS: Readonly<Record<string, readonly [type: string, text: string]>> = {
  "console.css": ["text/css; charset=utf-8", CONSOLE_CSS],
  "console.svg": ["image/svg+xml", ICON],
  "console.js": ["text/javascript; charset=utf-8", CONSOLE_JS],
};

export const isAsset = (name: string): boolean => Object.hasOwn(ASSETS, name);

export function sendAsset(req: IncomingMessage, res: ServerResponse, name: string, version: string | null) {
  const [type, text] = ASSETS[name] ?? ["text/plain", ""];
  if (version === ASSET_VERSION) res.setHeader("Cache-Control", "private, max-age=31536000, immutable");
  sendText(req, res, 200, type, text);
}

/** In place of what helmet has set in front: this is stricter, and its forms need an `Origin`. */
export function setHeaders(res: ServerResponse): void {
  res.setHeader("Cache-Control", "no-store");
  res.setHeader("Content-Security-Policy", POLICY);
  res.setHeader("X-Content-Type-Options", "nosniff");
  res.setHeader("X-Frame-Options", "DENY");
  res.setHeader("Referrer-Policy", "same-origin");
  res.setHeader("Cross-Origin-Opener-Policy", "same-origin");
  res.setHeader("Cross-Origin-Resource-Policy", "same-origin");
}

export function redirect(res: ServerResponse, location: string): void {
  res.statusCode = 303;
  res.setHeader("Location", location);
  res.end();
}

export function send(req: IncomingMessage, res: ServerResponse, status: number, page: Html): void {
  sendText(req, res, status, "text/html; charset=utf-8", page.text);
}

/** To be saved: nothing in it runs, or is shown, in the console's origin. */
export function sendFile(req: IncomingMessage, res: ServerResponse, { file, type, text }: ShownFile): void {
  res.setHeader("Content-Disposition", `attachment; filename="${file}"`);
  sendText(req, res, 200, type, text);
}

export function sendText(
  req: IncomingMessage,
  res: ServerResponse,
  status: number,
  type: string,
  text: string,
): void {
  res.statusCode = status;
  res.setHeader("Content-Type", type);
  res.setHeader("Content-Length", Buffer.byteLength(text));
  res.end(req.method === "HEAD" ? undefined : text);
}
