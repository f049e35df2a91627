// The modules that this process caches, and those that it invalidates: a name that only one side knows is most often a slip.
// Tests: test/integration/misuse-mutations.test.ts
import { nearest } from "../nearest.js";
import type { Advice } from "./advice.js";

/** Uses of a name after which whatever else knows it has had its chance. */
const USES = 20;
/**
 * Names of modules are written in programs. Where there are more of them, they are made from data, and
 * nothing is told.
 */
const MAX_NAMES = 1000;

export class KnownModules {
  readonly #advice: Advice;
  /** Whether other processes may cache, or invalidate, what this one names. */
  readonly #isShared: boolean;
  /** Of routes, and domains of the toolkit. */
  readonly #cached = new Set<string>();
  /** What routes depend on. */
  readonly #shownToo = new Set<string>();
  readonly #invalidated = new Set<string>();
  readonly #uses = new Map<string, number>();
  #usesToolkit = false;
  #isFull = false;

  constructor(advice: Advice, isShared: boolean) {
    this.#advice = advice;
    this.#isShared = isShared;
  }

  /** A route is mounted. */
  cached(module: string, dependsOn: readonly string[]): void {
    this.#remember(this.#cached, module);
    for (const dependency of dependsOn) this.#remember(this.#shownToo, dependency);
  }

  /** The toolkit names a domain when it uses it: which ones there are is not known before. */
  usedByToolkit(domain?: string): void {
    this.#usesToolkit = true;
    if (domain !== undefined) this.#remember(this.#cached, domain);
  }

  /** A mutation is mounted. */
  invalidated(modules: readonly string[]): void {
    for (const module of modules) this.#remember(this.#invalidated, module);
  }

  /** A mutation happens. */
  mutated(call: string, modules: readonly string[]): void {
    this.invalidated(modules);
    // A process that caches nothing writes for others that do.
    if (this.#isFull || this.#cached.size === 0) return;
    const mayBeOthers = this.#isShared || this.#usesToolkit;
    for (const module of modules) {
      const about = `invalidated ${module}`;
      if (this.#cached.has(module) || this.#shownToo.has(module) || this.#advice.hasTold(about)) continue;
      const near = nearest(module, [...this.#cached, ...this.#shownToo]);
      if (near === undefined && mayBeOthers && !this.#isLongUsed(module)) continue;
      const advice = near === undefined ? `it caches ${listOf(this.#cached)}` : `did you mean "${near}"?`;
      this.#advice.tell(
        `${call} names module "${module}", which nothing in this process caches: ${advice}${this.#exception("caches")}`,
        about,
      );
    }
  }

  /**
   * A route that depends on modules is asked for. Returns whether all that there is to say of them has been
   * said.
   */
  reliedOn(module: string, dependsOn: readonly string[]): boolean {
    const isKnown = (dependency: string) => this.#cached.has(dependency) || this.#invalidated.has(dependency);
    const settled = dependsOn.map((dependency) => {
      if (this.#isFull || isKnown(dependency)) return true;
      const near = nearest(dependency, [...this.#cached, ...this.#invalidated]);
      if (near === undefined && !this.#isLongUsed(`${module} ${dependency}`)) return false;
      const advice = near === undefined ? "name what mutations name" : `did you mean "${near}"?`;
      this.#advice.tell(
        `module ${module} depends on module "${dependency}", which nothing in this process caches or invalidates: ${advice}${this.#exception("invalidates")}`,
      );
      return true;
    });
    return settled.every(Boolean);
  }

  #remember(names: Set<string>, name: string): void {
    if (names.size < MAX_NAMES) names.add(name);
    else this.#isFull ||= !names.has(name);
  }

  #exception(does: string): string {
    return `; where ${this.#isShared ? "another process" : "what comes later"} ${does} it, all is well`;
  }

  #isLongUsed(name: string): boolean {
    const uses = (this.#uses.get(name) ?? 0) + 1;
    this.#uses.set(name, uses);
    return uses >= USES;
  }
}

function listOf(names: Iterable<string>): string {
  return [...names].sort().join(", ");
}
