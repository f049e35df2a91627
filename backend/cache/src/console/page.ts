// What a page of the console is: who may see it, what it shows, and what a form that is sent to it does.
import type { Request } from "express";
import type { Access } from "../operations/access.js";
import type { Form, Refused } from "./form.js";
import type { Html } from "./html.js";
import type { Sources } from "./sources.js";

/** A request for a page, by somebody who may see the console. */
export interface Asked {
  readonly req: Request;
  readonly access: Access;
  readonly query: URLSearchParams;
  readonly sources: Sources;
  /** For each form that changes something. */
  readonly token: string;
  /** What the browser signs with: see `forgery.ts`. */
  readonly secret: string;
}

export interface Shown {
  readonly content: Html;
  /** Default 200. */
  readonly status?: number;
}

/** To be saved. Only pages of the app answer so. */
export interface ShownFile {
  readonly file: string;
  readonly type: string;
  readonly text: string;
}

/** The browser is sent to another page of the console. */
export interface Onward {
  readonly goTo: string;
}

export interface Page {
  readonly name: string;
  readonly title: string;
  /** Whether there is anything here for this person, or in this app. Default: for all. */
  readonly isFor?: (access: Access, sources: Sources) => boolean;
  /** Whether the app has given it: then `authorize` names it for those who see it. */
  readonly isOfApp?: boolean;
  readonly show: (asked: Asked) => Promise<Shown | ShownFile | Refused | Onward>;
  /** Of a form; absent where the page changes nothing. */
  readonly take?: (asked: Asked, form: Form) => Promise<Shown | ShownFile | Refused | Onward>;
}
