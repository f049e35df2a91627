// The one body of the subjects that look nothing up.
import { listBody } from "../database.js";
import { hotLists } from "../workload.js";
import type { SubjectContext } from "./subject.js";

export async function bodyOfFirstList({ readyBody, readRows }: SubjectContext): Promise<Buffer> {
  if (readyBody) return readyBody();
  const [first] = hotLists(1, 1);
  return listBody(first ? await readRows(first.tenant, first.target) : []);
}
