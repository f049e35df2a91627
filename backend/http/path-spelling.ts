// One spelling for each path: routers take several for the same, and each would fill the cache once more.
// Tests: test/http/spelling.test.ts
import type { RequestHandler } from "express";
import { HttpProblem, notFound } from "./problem.js";

/**
 * Origin-form or absolute-form (RFC 9112 section 3.2): what stands before the path, the path, and the query.
 */
const TARGET = /^((?:https?:\/\/[^/?#\\]*)?)(\/[^?#]*)((?:\?[^#]*)?)$/i;
/**
 * Nothing here is named in upper case, and nothing needs percent-encoding: ids, days, months, names of
 * statuses, and one file.
 */
const PATH = /^\/$|^(?:\/[a-z0-9_-]+)+(?:\.json)?$/;
/** Ids of persons in other systems, as these spell them: nothing below is cached by its path. */
const PATH_OF_OVERLAY = /^\/api\/overlay(?:\/[\w.~:@!$&'()*+,;=%-]+)+$/;
/** The console's pages are below the slash at its end; nothing of it is cached. */
const PATH_OF_CONSOLE = /^\/ops\/cache\/(?:[a-z-]+(?:\.(?:css|js|svg))?)?$/;
const UUID_SEGMENT = /(?<=\/)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?=\/|$)/gi;

/**
 * Answers 404 to every spelling of a path but its own: upper case, percent-encoding (but in ids of the
 * overlay), empty segments, a slash at the end. UUIDs are accepted in either case (RFC 9562 section 4) and go
 * on in lower case: the routes, the cache and the database see one.
 */
export const onePathSpelling: RequestHandler = (req, _res, next) => {
  const [, authority = "", path = "", query = ""] = TARGET.exec(req.url) ?? [];
  const spelled = path.replace(UUID_SEGMENT, (id) => id.toLowerCase());
  const isKnown = PATH.test(spelled) || PATH_OF_CONSOLE.test(path);
  if (!isKnown && !(PATH_OF_OVERLAY.test(path) && isDecodable(path)))
    throw isDecodable(path) ? noSuchPath() : new HttpProblem(400, NOT_DECODABLE);
  // Untouched where it is right already: the lane answers only for what nobody has rewritten.
  if (spelled !== path) req.url = authority + spelled + query;
  next();
};

const NOT_DECODABLE = { detail: "The path is no valid percent-encoding." };

const noSuchPath = () =>
  notFound(
    "There is no such path. Paths are in lower case, without percent-encoding, and do not end with a slash.",
  );

function isDecodable(path: string): boolean {
  try {
    decodeURIComponent(path);
    return true;
  } catch {
    return false;
  }
}
