// Rooms: the folders and files that the table of docs/internals/architecture.md names, and what their files import.
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { projectFile } from "../../project-root.js";

/** A row of the table. */
export interface Room {
  /** Folders (`backend/http/`), files (`backend/app.ts`), all files of one folder (`backend/cache/src/*.ts`). */
  readonly paths: readonly string[];
  /** Ends of other rows' paths (`engine`, `src/*.ts`), folders of rows (`cache/src/`), names of packages. */
  readonly mayImport: readonly string[];
}

/** What one file imports: another file of the repository, or the library by its name. */
export interface Import {
  readonly from: string;
  readonly to: string;
}

const LIBRARY = "express-tenant-cache";
const IMPORT = /^(?:import|export)\s(?:[^;"]*?\sfrom\s)?\s*"([^"]+)"|\bimport\(\s*"([^"]+)"/gm;

/** The table below a heading of a page; the lowest room is the first. */
export class RoomTable {
  readonly rooms: readonly Room[];
  readonly #known = new Map<string, Room | undefined>();

  /** @throws Error where the first or last cell of a row is not names alone */
  constructor(page: string, heading: string) {
    const [, below = ""] = page.split(`\n## ${heading}\n`);
    const [section = ""] = below.split("\n## ");
    const rows = [...section.matchAll(/^\| (`.*`) \|.*\| (.*?) \|$/gm)];
    this.rooms = rows.map(([row, where = "", imports = ""]) => ({
      paths: namesIn(where, row),
      mayImport: imports === "-" ? [] : namesIn(imports, row),
    }));
  }

  /** The room whose row says most of the file; `undefined` where no row names it. */
  roomOf(file: string): Room | undefined {
    if (!this.#known.has(file)) {
      const nearness = ({ paths }: Room) =>
        Math.max(...paths.map((each) => (holds(each, file) ? each.length : 0)));
      const [nearest] = this.rooms.toSorted((one, other) => nearness(other) - nearness(one));
      this.#known.set(file, nearest && nearness(nearest) > 0 ? nearest : undefined);
    }
    return this.#known.get(file);
  }

  /** The rooms that a name in the last column stands for: one, or all rooms of the folder that it names. */
  named(name: string): readonly Room[] {
    if (name.endsWith("/"))
      return this.rooms.filter(({ paths }) => paths.some((each) => `/${each}`.includes(`/${name}`)));
    const asName = (where: string) => where.replace(/\/$/, "");
    const whole = this.rooms.filter(({ paths }) => paths.some((each) => asName(each) === name));
    if (whole.length > 0) return whole;
    return this.rooms.filter(({ paths }) => paths.some((each) => asName(each).endsWith(`/${name}`)));
  }

  /** What files import of other rooms although their own row does not name them. */
  notAllowed(imports: readonly Import[]): readonly Import[] {
    return imports.filter(({ from, to }) => {
      const [room, target] = [this.roomOf(from), this.roomOf(to)];
      if (room?.mayImport.includes(to)) return false;
      if (room === undefined || target === undefined) return true;
      return target !== room && !room.mayImport.some((name) => this.named(name).includes(target));
    });
  }

  /** The names in the last column that no import needs, each with its row's first path. */
  notNeeded(imports: readonly Import[]): readonly string[] {
    return this.rooms.flatMap((room) => {
      const own = imports.filter(({ from }) => this.roomOf(from) === room).map(({ to }) => to);
      const rooms = new Set(own.map((file) => this.roomOf(file)));
      const isNeeded = (name: string) =>
        own.includes(name) || this.named(name).some((other) => rooms.has(other));
      return room.mayImport.filter((name) => !isNeeded(name)).map((name) => `${room.paths[0]}: ${name}`);
    });
  }
}

function namesIn(cell: string, row: string): readonly string[] {
  if (/^`[^`]+`(?:, `[^`]+`)*$/.test(cell)) return cell.slice(1, -1).split("`, `");
  throw new Error(`write names in backticks, with commas between, or "-" for none: ${row}`);
}

function holds(where: string, file: string): boolean {
  if (where.endsWith("/*.ts")) return path.posix.dirname(file) === path.posix.dirname(where);
  return where.endsWith("/") ? file.startsWith(where) : file === where;
}

/** The paths of all sources, from the folder of package.json, with slashes. */
export function sourceFiles(): readonly string[] {
  return ["backend", "scripts"].flatMap((folder) =>
    readdirSync(projectFile(folder), { recursive: true, encoding: "utf8" })
      .map((file) => path.posix.join(folder, file.replaceAll(path.sep, "/")))
      .filter((file) => file.endsWith(".ts") && !/\/(?:node_modules|dist)\//.test(file)),
  );
}

export function readSource(file: string): string {
  return readFileSync(projectFile(file), "utf8");
}

/** Imports of types count as any other: whoever reads the one file must know the other. */
export function importsOf(file: string, source: string): readonly Import[] {
  return [...source.matchAll(IMPORT)].flatMap(([, statement = "", call = ""]) => {
    const what = statement || call;
    if (what === LIBRARY || what.startsWith(`${LIBRARY}/`)) return [{ from: file, to: what }];
    if (!what.startsWith(".")) return [];
    const target = path.posix.join(path.posix.dirname(file), what);
    return [{ from: file, to: target.replace(/\.js$/, ".ts") }];
  });
}

/**
 * Circles of what lies in one folder, files and folders: a shortest one for each folder that has any. Where no
 * folder has one, no files import each other in a circle either: two of them would lie beside each other, or in
 * folders that do.
 */
export function circles(imports: readonly Import[]): readonly string[] {
  const folders = new Map<string, Map<string, Set<string>>>();
  for (const { from, to } of imports) {
    const [source, target] = [from.split("/"), to.split("/")];
    const depth = source.findIndex((part, index) => part !== target[index]);
    if (depth === -1) return [`${from} imports itself`];
    const folder = source.slice(0, depth).join("/");
    const entries = folders.get(folder) ?? new Map<string, Set<string>>();
    const [entry = "", other = ""] = [source[depth], target[depth]];
    folders.set(folder, entries.set(entry, (entries.get(entry) ?? new Set()).add(other)));
  }
  return [...folders].flatMap(([folder, entries]) => {
    const found = [...entries.keys()].flatMap((entry) => wayBack(entries, entry) ?? []);
    const [shortest] = found.toSorted((one, other) => one.length - other.length);
    return shortest ? [`${folder}: ${shortest.join(" > ")}`] : [];
  });
}

/** The shortest way from an entry to itself, in one element of a list; `undefined` where there is none. */
function wayBack(entries: ReadonlyMap<string, ReadonlySet<string>>, start: string): string[][] | undefined {
  const seen = new Set<string>();
  const ways = [[start]];
  for (const way of ways) {
    for (const next of entries.get(way.at(-1) ?? "") ?? []) {
      if (next === start) return [[...way, start]];
      if (!seen.has(next)) ways.push([...way, next]);
      seen.add(next);
    }
  }
  return undefined;
}
