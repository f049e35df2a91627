// Links of Markdown pages: which of them lead nowhere, in the repository or in what npm packs.
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { projectFile } from "../project-root.js";

/** Where pages and what they link to are: a checkout, or a tarball. Paths have no `./` in front. */
export interface Place {
  has(file: string): boolean;
  read(file: string): string;
}

export const REPOSITORY: Place = {
  has: (file) => existsSync(projectFile(file)),
  read: (file) => readFileSync(projectFile(file), "utf8"),
};

const { repository } = JSON.parse(REPOSITORY.read(path.join("backend", "cache", "package.json")));
/** Where the repository's files are shown: what is linked so must be a file of this checkout. */
export const SHOWN_AT = repository.url.replace(/^git\+(.*)\.git$/, "$1/");
const SHOWN_FILE = /^(?:blob|tree)\/main\//;

/**
 * Links of a page that lead to no file, or to no heading of the file. Those to other sites are not looked at.
 */
export function brokenLinks(page: string, place: Place): string[] {
  return linksOf(place.read(page)).filter((link) => {
    if (link.startsWith(SHOWN_AT)) {
      const shown = link.slice(SHOWN_AT.length);
      return SHOWN_FILE.test(shown) && !leadsTo(REPOSITORY, shown.replace(SHOWN_FILE, ""), "");
    }
    return !/^[a-z]+:/.test(link) && !leadsTo(place, link, page);
  });
}

function linksOf(text: string): string[] {
  return [...withoutCode(text).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = ""]) => target);
}

/** @param page that the link is relative to; empty for the root */
function leadsTo(place: Place, link: string, page: string): boolean {
  const [file = "", anchor] = link.split("#");
  const target = file === "" ? page : path.join(path.dirname(page), file);
  if (!place.has(target)) return false;
  return anchor === undefined || anchorsOf(place.read(target)).includes(anchor);
}

/** As GitHub makes them of headings, and those that are written out. */
function anchorsOf(text: string): string[] {
  const plain = withoutCode(text);
  const written = [...plain.matchAll(/<a id="([^"]+)"/g)].map(([, id = ""]) => id);
  const headings = [...plain.matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) => heading);
  const made = headings.map((heading) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
      .replaceAll(" ", "-"),
  );
  return [...written, ...made];
}

function withoutCode(text: string): string {
  return text.replaceAll(/```.*?```/gs, "");
}
