// Other ways to write a request's target that a router, a parser or a client library takes for the same.
import fc from "fast-check";

/** Changes one thing about a target; returns it as it is where there is nothing to change. */
type Respelling = (target: string, at: number) => string;

/** Others (RFC 9112 section 3.2) are left as they are: what is done to a scheme or an authority is for Node's parser to refuse. */
const isOriginForm = (target: string) => target.startsWith("/");
const toUpper = (letter: string) => letter.toUpperCase();
const toEscape = (letter: string) => `%${letter.charCodeAt(0).toString(16)}`;

/** Changes one letter, digit or hyphen of the path or of the query. */
const character =
  (part: "path" | "query", change: (letter: string) => string): Respelling =>
  (target, at) => {
    if (!isOriginForm(target)) return target;
    const pathEnd = target.search(/\?|$/);
    const [from, until] = part === "path" ? [1, pathEnd] : [pathEnd + 1, target.length];
    if (until <= from) return target;
    const index = from + (at % (until - from));
    const letter = target.charAt(index);
    return /[a-z0-9-]/.test(letter)
      ? target.slice(0, index) + change(letter) + target.slice(index + 1)
      : target;
  };

/** Changes the path. */
const inPath =
  (change: (path: string, at: number) => string): Respelling =>
  (target, at) => {
    const [path = "", ...query] = target.split("?");
    return isOriginForm(target) ? [change(path, at), ...query].join("?") : target;
  };

/** Changes the query, as its pairs. */
const inPairs =
  (change: (pairs: string[], at: number) => string[]): Respelling =>
  (target, at) => {
    const [path, query = ""] = target.split("?");
    const pairs = change(query === "" ? [] : query.split("&"), at);
    return pairs.length === 0 ? `${path}?` : `${path}?${pairs.join("&")}`;
  };

const inserted = (text: string) => inPairs((pairs, at) => pairs.toSpliced(at % (pairs.length + 1), 0, text));

/** Of any target. */
export const RESPELLINGS: readonly Respelling[] = [
  character("path", toUpper),
  character("path", toEscape),
  character("query", toUpper),
  character("query", toEscape),
  inPath((path) => path.toUpperCase()),
  inPath((path) => `${path}/`),
  inPath((path) => `/${path}`),
  inPath((path, at) => path.replaceAll("/", (slash, index) => (index % 3 === at % 3 ? "//" : slash))),
  inPath((path, at) => path.replaceAll("/", (slash, index) => (index % 3 === at % 3 ? "/./" : slash))),
  inPath((path) => path.replace("/api/", "/api/x/../")),
  inPath((path) => path.replace("/api/", "/api\\")),
  inPath((path) => path.replace(/[^/]+$/, (last) => `${last};v=1`)),
  inPath((path) => path.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/, (id) => id.toUpperCase())),
  (target) => (isOriginForm(target) ? `http://crm.example${target}` : target),
  (target) => (isOriginForm(target) ? `HTTP://CRM.EXAMPLE:80${target}` : target),
  (target) => `${target}#top`,
  inPairs((pairs) => pairs.toReversed()),
  inPairs((pairs, at) => [...pairs, ...pairs.slice(at % 4)]),
  inPairs((pairs) => pairs.map((pair) => pair.replace(/=(\d)/, "=0$1"))),
  inPairs((pairs) => pairs.map((pair) => pair.replace(/=(\d+)$/, "=$1.0"))),
  inPairs((pairs) => pairs.map((pair) => pair.replace("=", "=+"))),
  inserted(""),
  inserted("limit=50"),
  inserted("offset=0"),
  inserted("offset=000"),
  inserted("sort=-created_at"),
  inserted("sort="),
  inserted("limit"),
  inserted("=1"),
  inserted("page=1"),
  inserted("__proto__=1"),
];

/** One to three changes to a target. */
export const respelled = (target: string): fc.Arbitrary<string> =>
  fc
    .array(fc.tuple(fc.constantFrom(...RESPELLINGS), fc.nat(200)), { minLength: 1, maxLength: 3 })
    .map((changes) => changes.reduce((text, [respell, at]) => respell(text, at), target));
