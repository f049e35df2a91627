// docs/operate/metrics.md against the code: every metric with its type, labels and meaning, and no other.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "@jest/globals";
import { projectFile } from "../../../project-root.js";
import { FIGURES, HISTOGRAMS } from "../../src/metrics/figures.js";

const page = readFileSync(projectFile("docs", "operate", "metrics.md"), "utf8");

test("promtool check metrics has nothing to say: suffixes by the kind, no label that belongs to other kinds", () => {
  for (const { name, kind, labels } of FIGURES) {
    assert.equal(name.endsWith("_total"), kind === "counter", name);
    assert.doesNotMatch(name, /_(?:sum|count|bucket|info|created|ms|milliseconds|kilobytes|percent)$/);
    for (const label of ["le", "quantile"]) assert.ok(!labels.includes(label), `${name}: ${label}`);
  }
});

describe("docs/operate/metrics.md", () => {
  test("lists every metric as the code has it, and no other", () => {
    const rows = [...page.matchAll(/^\| `(etc_\w+)` \| (\w+) \| ([^|]*)\| (.+) \|$/gm)];
    const shown = rows.map(([, name, kind, labels = "", help]) => ({
      name,
      kind,
      labels: [...labels.matchAll(/`(\w+)`/g)].map(([, label]) => label),
      help,
    }));
    const wanted = [
      ...FIGURES.map(({ name, kind, labels, help }) => ({ name, kind, labels: [...labels], help })),
      ...HISTOGRAMS.map(({ name, help }) => ({ name, kind: "histogram", labels: [], help })),
    ];
    assert.deepEqual(shown, wanted);
  });
});
