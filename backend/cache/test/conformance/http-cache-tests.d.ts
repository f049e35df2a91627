// What these tests use of http-cache-tests, which has no types of its own.

declare module "http-cache-tests/tests/index.mjs" {
  /** One request of a test, and what the origin server answers to it. */
  export interface SuiteRequest {
    readonly response_status?: readonly [status: number, phrase: string];
    /** A number is a date, in seconds from now; `false` in third place: not compared with what the client receives. */
    readonly response_headers?: readonly (readonly [
      name: string,
      value: string | number,
      compared?: boolean,
    ])[];
  }

  export interface SuiteTest {
    readonly id: string;
    readonly name: string;
    /** `required` where it is absent; `check` asks how a cache behaves, neither answer is wrong. */
    readonly kind?: "required" | "optimal" | "check";
    readonly depends_on?: readonly string[];
    /** About a browser's own cache: the runner leaves it out here. */
    readonly browser_only?: boolean;
    readonly requests: readonly SuiteRequest[];
  }

  export interface SuiteGroup {
    readonly id: string;
    readonly name: string;
    readonly tests: readonly SuiteTest[];
  }

  const groups: readonly SuiteGroup[];
  export default groups;
}

declare module "http-cache-tests/tests/surrogate-control.mjs" {
  import type { SuiteGroup } from "http-cache-tests/tests/index.mjs";

  const group: SuiteGroup;
  export default group;
}

declare module "http-cache-tests/client/runner.mjs" {
  import type { SuiteGroup } from "http-cache-tests/tests/index.mjs";

  /** True, or the kind of failure (`Setup`: the test could not be carried out) and its message. */
  export type SuiteResult = true | readonly [kind: string, message: string];

  /** Once in a process: the results are kept in the module. */
  export function runTests(
    groups: readonly SuiteGroup[],
    fetch: typeof globalThis.fetch,
    browserCache: boolean,
    baseUrl: string,
    testsAtOnce?: number,
  ): Promise<void>;

  export function getResults(): Readonly<Record<string, SuiteResult>>;
}

declare module "http-cache-tests/server/handle-config.mjs" {
  import type { IncomingMessage, ServerResponse } from "node:http";

  /** `PUT /config/<uuid>`: the client tells the origin server what to answer in a test. */
  export default function handleConfig(
    segments: readonly string[],
    req: IncomingMessage,
    res: ServerResponse,
  ): void;
}

declare module "http-cache-tests/server/handle-test.mjs" {
  import type { IncomingMessage, ServerResponse } from "node:http";

  /** `/test/<uuid>`: answers as configured. */
  export default function handleTest(
    segments: readonly string[],
    req: IncomingMessage,
    res: ServerResponse,
  ): void;
}

declare module "http-cache-tests/server/handle-state.mjs" {
  import type { IncomingMessage, ServerResponse } from "node:http";

  /** `GET /state/<uuid>`: what the origin server has seen in a test. */
  export default function handleState(
    segments: readonly string[],
    req: IncomingMessage,
    res: ServerResponse,
  ): void;
}

declare module "http-cache-tests/server/utils.mjs" {
  import type { SuiteRequest } from "http-cache-tests/tests/index.mjs";

  /** By the test's uuid. */
  export const configs: ReadonlyMap<string, readonly SuiteRequest[]>;
}
