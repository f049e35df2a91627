// Somebody at the CRM's console, without a browser: logs in with a token, reads pages, sends their forms, signs out.
import assert from "node:assert/strict";

export interface ConsolePage {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

export interface ConsolePerson {
  /** The cookie of the login. */
  readonly cookie: string;
  /** A page by its path below the console, with its query. */
  get(page: string): Promise<ConsolePage>;
  /** A form of a page, with the token that the page has brought unless another is given. */
  post(page: string, fields: Readonly<Record<string, string>>): Promise<ConsolePage>;
}

/** The answer to the form of the login. */
export function logIn(url: string, token: string): Promise<Response> {
  return fetch(`${url}/ops/login`, {
    method: "POST",
    redirect: "manual",
    headers: { "sec-fetch-site": "same-origin" },
    body: new URLSearchParams({ token }),
  });
}

export async function atConsole(url: string, token: string): Promise<ConsolePerson> {
  const answer = await logIn(url, token);
  assert.equal(answer.status, 303, "is let in");
  const cookie = cookieIn(answer.headers);
  const send = async (page: string, init: RequestInit, more = ""): Promise<ConsolePage> => {
    const { status, headers, text } = await fetch(`${url}/ops/cache/${page}`, {
      ...init,
      redirect: "manual",
      headers: { cookie: `${cookie}${more}`, "sec-fetch-site": "same-origin" },
    }).then(async (response) => ({
      status: response.status,
      headers: response.headers,
      text: await response.text(),
    }));
    return { status, headers, text };
  };
  return {
    cookie,
    get: (page) => send(page, {}),
    post: async (page, fields) => {
      const { headers, text } = await send(page === "sign-out" ? "nothing" : page, {});
      const [, formToken = ""] = /name="token" value="([^"]*)"/.exec(text) ?? [];
      const body = new URLSearchParams({ token: formToken, ...fields });
      return send(page, { method: "POST", body }, `; ${cookieIn(headers)}`);
    },
  };
}

const cookieIn = (headers: Headers): string => (headers.get("set-cookie") ?? "").split(";")[0] ?? "";

/** Cells of the rows of a page's tables, without their markup. Each has the head of its column. */
export function rowsOf(text: string): string[][] {
  for (const [, heads = "", body = ""] of text.matchAll(/<thead>(.*?)<\/thead>\s*<tbody>(.*?)<\/tbody>/gs))
    for (const [, row = ""] of body.matchAll(/<tr>(.*?)<\/tr>/gs))
      assert.equal(row.match(/<t[hd]/g)?.length, heads.match(/<th /g)?.length, `${heads}: ${row}`);
  const bodies = [...text.matchAll(/<tbody>(.*?)<\/tbody>/gs)].map(([, body = ""]) => body);
  return bodies.flatMap((body) =>
    [...body.matchAll(/<tr>(.*?)<\/tr>/gs)].map(([, row = ""]) =>
      [...row.matchAll(/<t[hd][^>]*>(.*?)<\/t[hd]>/gs)].map(([, cell = ""]) =>
        cell.replaceAll(/<[^>]*>/g, "").trim(),
      ),
    ),
  );
}
