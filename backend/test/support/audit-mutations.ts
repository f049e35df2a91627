// What a superuser may do to the rows of an audit trail: flip, drop, reorder, insert, truncate; here to a copy of them.
import * as fc from "fast-check";
import { canonical } from "../../services/audit/canonical-record.js";
import { leafHash, nodeHash, TreeEdge } from "../../services/audit/merkle.js";
import type { AuditCopy } from "./audit-copy.js";

export interface Mutation {
  readonly kind: "flip" | "drop" | "reorder" | "insert" | "truncate" | "swap-content" | "unsay";
  readonly at: number;
  readonly other: number;
  readonly bit: number;
  /** Whether leaves and nodes are made to fit, and the database's copies of checkpoints are dropped. */
  readonly isThorough: boolean;
}

export const mutationOf = (size: number): fc.Arbitrary<Mutation> =>
  fc.record({
    kind: fc.constantFrom("flip", "drop", "reorder", "insert", "truncate", "swap-content", "unsay"),
    at: fc.nat(size - 1),
    other: fc.nat(size - 1),
    bit: fc.nat(1_000_000),
    isThorough: fc.boolean(),
  });

/** The mutated copy, and the lowest index that is not what was signed; `undefined` where nothing has changed. */
export function mutated(
  copy: AuditCopy,
  { kind, at, other, bit, isThorough }: Mutation,
): { readonly copy: AuditCopy; readonly firstBad: number | undefined } {
  const contents = copy.records.map(({ content }) => content);
  switch (kind) {
    case "flip":
      contents[at] = flipped(contents[at] ?? "", bit);
      break;
    case "swap-content":
      [contents[at], contents[other]] = [contents[other] ?? null, contents[at] ?? null];
      break;
    case "reorder":
      contents.splice(other, 0, ...contents.splice(at, 1));
      break;
    case "insert":
      contents.splice(at, 0, forged(contents[other] ?? ""));
      break;
    case "truncate":
      contents.splice(at);
      break;
    case "unsay":
      contents[at] = null;
      break;
    default:
      break;
  }
  const records = contents.map((content, index) => ({
    index,
    content,
    prunedBy: content === null ? "00000000-0000-4000-8000-000000000000" : null,
  }));
  if (kind === "drop") records.splice(at, 1);
  const changed = copy.records.findIndex(
    ({ content }, index) => records.find((record) => record.index === index)?.content !== content,
  );
  // An insert at the end of what was signed is a new record.
  const firstBad = changed === -1 ? undefined : changed;
  return { copy: isThorough ? fitted({ ...copy, records }) : { ...copy, records }, firstBad };
}

function flipped(content: string, bit: number): string {
  const bytes = Buffer.from(content);
  const at = bit % bytes.length;
  bytes[at] = (bytes[at] as number) ^ (1 << (bit % 7));
  return bytes.toString("latin1");
}

const forged = (content: string) =>
  canonical({ ...JSON.parse(content), id: crypto.randomUUID(), outcome: "failure" });

/** Nodes as they would be if these had been the records. */
function fitted(copy: AuditCopy): AuditCopy {
  const edge = new TreeEdge();
  const old = new Map(copy.nodes.map(({ level, position, hash }) => [`${level}/${position}`, hash]));
  const nodes = copy.records.flatMap(({ content }, index) =>
    edge.append(
      content === null ? (old.get(`0/${index}`) ?? nodeHash(edge.root, edge.root)) : leafHash(content),
    ),
  );
  return { ...copy, nodes, checkpoints: [] };
}
