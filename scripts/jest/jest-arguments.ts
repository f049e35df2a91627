// From the arguments of `npm test` to Jest's: patterns name sources as users see them, and Jest selects what was compiled.

/** Options whose value may be the next argument; of all others it is behind "=". */
const TAKES_ONE = new Set([
  ...["-c", "-t", "-w", "--changedSince", "--collectCoverageFrom", "--config", "--coverageDirectory"],
  ...["--coverageThreshold", "--maxConcurrency", "--maxWorkers", "--outputFile", "--seed", "--shard"],
  ...["--testNamePattern", "--testTimeout"],
]);
/** Options that take all arguments up to the next option. */
const TAKES_SEVERAL = new Set([
  ...["--coveragePathIgnorePatterns", "--coverageReporters", "--ignoreProjects", "--reporters"],
  ...["--selectProjects", "--testPathIgnorePatterns"],
]);
/** Of Jest 30, and of those before it. */
const PATTERNS = new Set(["--testPathPatterns", "--testPathPattern"]);

/** Patterns come first, where no option takes them for its own. The bounds of coverage are those of whole projects. */
export function jestArguments(args: readonly string[]): readonly string[] {
  const patterns: string[] = [];
  const options: string[] = [];
  let taker = "";
  for (const arg of args) {
    if (arg.startsWith("-")) {
      const [name = "", value] = arg.split(/=(.*)/s);
      taker = value === undefined || TAKES_SEVERAL.has(name) ? name : "";
      if (!PATTERNS.has(name)) options.push(arg);
      else if (value !== undefined) patterns.push(value);
    } else if (TAKES_ONE.has(taker) || TAKES_SEVERAL.has(taker)) {
      options.push(arg);
      if (TAKES_ONE.has(taker)) taker = "";
    } else patterns.push(arg);
  }
  const isBounded =
    patterns.length === 0 || options.some((option) => option.startsWith("--coverageThreshold"));
  return [...patterns.map(belowDist), ...options, ...(isBounded ? [] : ["--coverageThreshold={}"])];
}

function belowDist(pattern: string): string {
  return `/dist/.*${pattern.replace(/\.ts$/, ".js")}`;
}
