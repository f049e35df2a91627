// Searches the configurations and prints the table of backend/cache/model/README.md; an argument selects by part of the name.
import { program } from "commander";
import { ABLATIONS, type Configuration, LIMITS, PROMISES, REMEDIES } from "./configurations.js";
import type { SearchResult } from "./explore.js";
import { searchFeed } from "./feed-model.js";
import { FEED_ABLATIONS, FEED_PROMISES, type FeedConfiguration } from "./feed-settings.js";
import { search } from "./search.js";

interface Searched {
  readonly name: string;
  readonly holds: boolean;
  readonly isLong?: boolean;
  readonly search: () => SearchResult;
}

const ofCache = (all: readonly Configuration[]): readonly Searched[] =>
  all.map((one) => ({ ...one, search: () => search(one.settings) }));
const ofFeed = (all: readonly FeedConfiguration[]): readonly Searched[] =>
  all.map((one) => ({ ...one, search: () => searchFeed(one.settings) }));
const GROUPS = {
  promises: [...ofCache(PROMISES), ...ofFeed(FEED_PROMISES)],
  limits: ofCache(LIMITS),
  "protections off": [...ofCache(ABLATIONS), ...ofFeed(FEED_ABLATIONS)],
  remedies: ofCache(REMEDIES),
};

program
  .description("Searches the model of the cache's protocol for stale reads.")
  .argument(
    "[name]",
    "only configurations whose name holds this; their counterexamples are printed step by step",
  )
  .option("--long", "also those that take minutes (start node with --max-old-space-size=4096)", false)
  .action((name: string | undefined, { long }: { long: boolean }) => {
    for (const [title, group] of Object.entries(GROUPS)) {
      const chosen = group.filter((one) => (long || !one.isLong) && one.name.includes(name ?? ""));
      if (chosen.length > 0)
        console.log(`\n| ${title} | states | seconds | result |\n| --- | ---: | ---: | --- |`);
      for (const one of chosen) report(one, name !== undefined);
    }
  })
  .parse();

function report({ name, holds, search }: Searched, withSteps: boolean): void {
  const startedAtMs = performance.now();
  const { states, counterexample } = search();
  const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(1);
  const result = counterexample ? `stale after ${counterexample.length - 1} steps` : "never stale";
  const isExpected = (counterexample === undefined) === holds;
  if (!isExpected) process.exitCode = 1;
  console.log(`| ${name} | ${states} | ${seconds} | ${result}${isExpected ? "" : " (UNEXPECTED)"} |`);
  if (counterexample && (withSteps || !isExpected))
    for (const [index, step] of counterexample.entries()) console.log(`  ${index + 1}. ${step}`);
}
