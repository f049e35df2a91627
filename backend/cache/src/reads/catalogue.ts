// A copy of what a database's catalogue says, arranged for questions by name.
// Tests: test/integration/auto-catalogue.test.ts
import type { FeedView } from "../engine/feeds.js";
import type { FeedDatabase } from "../queryable.js";
import { type CatalogueRow, catalogueQuery, type OwnFunction } from "./catalogue-query.js";
import type { Comparison } from "./reading.js";

export interface CoveredBy {
  readonly module: string;
  /** The tenant's column; `null`: rows belong to all, and each change cuts off everything. */
  readonly tenant: string | null;
  readonly comparison: Comparison;
}

export interface Policy {
  readonly isPermissive: boolean;
  readonly isForAll: boolean;
  readonly condition: string;
}

export interface Relation {
  readonly oid: string;
  readonly schema: string;
  readonly name: string;
  /** As `pg_class` has it. */
  readonly kind: string;
  readonly isSecured: boolean;
  /** Whether row security restricts the user of the pool. */
  readonly isRestricted: boolean;
  /** Of a view: its definition. */
  readonly view: string | null;
  readonly covered: CoveredBy[];
  readonly below: Relation[];
  readonly policies: Policy[];
}

export interface Builtin {
  readonly volatility: string;
  readonly fewest: number;
  readonly most: number;
}

export class Catalogue {
  readonly version: string;
  /** The same where nothing is another: also what other sessions hide, and whom row security restricts. */
  readonly state: string;
  readonly #relations = new Map<string, Relation[]>();
  readonly #functions = new Map<string, OwnFunction[]>();
  readonly #functionsById = new Map<string, OwnFunction>();
  readonly #builtins: ReadonlyMap<string, readonly Builtin[]>;
  readonly #operators = new Map<string, CatalogueRow["operators"][number][]>();
  readonly casts: CatalogueRow["casts"];
  /** Whether what ties rows to a tenant may be another `=` or `current_setting` than PostgreSQL's own. */
  readonly isShadowed: boolean;
  readonly #hidden: ReadonlySet<string>;
  readonly #plainArguments: ReadonlySet<string>;

  constructor(row: CatalogueRow, feed: FeedView) {
    this.version = row.version;
    // Whom row security restricts depends on roles, which are those of all databases of a server: no reason to cut everything off.
    const restricted = row.relations.filter(([, , , , , isRestricted]) => isRestricted).map(([oid]) => oid);
    this.state = [row.version, ...[...row.hidden, ...restricted].sort()].join(" ");
    this.casts = row.casts;
    this.#hidden = new Set(row.hidden);
    this.#plainArguments = new Set(row.plainArguments);
    this.#builtins = new Map(
      Object.entries(row.builtins).map(([name, ways]) => [name, ways.map(builtinOf)] as const),
    );
    for (const each of row.functions) {
      this.#functionsById.set(each.oid, each);
      add(this.#functions, each.name, each);
    }
    for (const each of row.operators) add(this.#operators, each[0], each);
    this.isShadowed =
      row.operators.some(([name, , isShadow]) => name === "=" && isShadow) ||
      row.functions.some(({ name }) => name === "current_setting");
    this.#addRelations(row, feed);
  }

  #addRelations({ relations, covered, inherits, policies }: CatalogueRow, feed: FeedView): void {
    const byId = new Map<string, Relation>();
    for (const [oid, schema, name, kind, isSecured, isRestricted, view] of relations) {
      const own = { covered: [], below: [], policies: [] };
      const relation: Relation = { oid, schema, name, kind, isSecured, isRestricted, view, ...own };
      byId.set(oid, relation);
      add(this.#relations, name, relation);
    }
    for (const [child, parent] of inherits) {
      const below = byId.get(child);
      if (below) byId.get(parent)?.below.push(below);
    }
    for (const [oid, capture, type] of covered)
      for (const { module, tenant } of feed.tables.filter((table) => table.capture === capture))
        byId.get(oid)?.covered.push({ module, tenant, comparison: (type as Comparison) ?? undefined });
    for (const [oid, isPermissive, isForAll, condition] of policies)
      byId.get(oid)?.policies.push({ isPermissive, isForAll, condition: condition ?? "true" });
  }

  /** All that the name may mean. */
  relations(schema: string | undefined, name: string): readonly Relation[] {
    return ofSchema(this.#relations.get(name), schema);
  }

  functions(schema: string | undefined, name: string): readonly OwnFunction[] {
    return ofSchema(this.#functions.get(name), schema);
  }

  functionById(oid: string): OwnFunction | undefined {
    return this.#functionsById.get(oid);
  }

  /** PostgreSQL's own that take so many arguments. */
  builtins(name: string, given: number): readonly Builtin[] {
    return (this.#builtins.get(name) ?? []).filter(({ fewest, most }) => given >= fewest && given <= most);
  }

  /** Those of this name that are not PostgreSQL's own. */
  operators(name: string): CatalogueRow["operators"] {
    return this.#operators.get(name) ?? [];
  }

  /** Whether a temporary relation of some session has this name. */
  isHidden(name: string): boolean {
    return this.#hidden.has(name);
  }

  /** Whether no relation has a column of this name. */
  isPlainArgument(name: string): boolean {
    return this.#plainArguments.has(name);
  }
}

/** Rejects as the database does. */
export async function readCatalogue(pool: FeedDatabase, feed: FeedView): Promise<Catalogue> {
  const { tables, schema } = feed;
  const values = [tables.map(({ capture }) => capture), tables.map(({ tenant }) => tenant)];
  const { rows } = await pool.query(catalogueQuery(schema), values);
  return new Catalogue(rows[0] as CatalogueRow, feed);
}

function builtinOf(text: string): Builtin {
  const [volatility = "v", fewest, most] = text.split(" ");
  return { volatility, fewest: Number(fewest), most: Number(most) };
}

function ofSchema<T extends { readonly schema: string }>(
  named: readonly T[] | undefined,
  schema: string | undefined,
): readonly T[] {
  if (!named) return [];
  return schema === undefined ? named : named.filter((each) => each.schema === schema);
}

function add<T>(map: Map<string, T[]>, name: string, value: T): void {
  const known = map.get(name);
  if (known) known.push(value);
  else map.set(name, [value]);
}
