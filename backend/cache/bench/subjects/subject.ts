// What a subject is to the bench, and what it gets to work with.
import type { Server } from "node:http";
import type { Distance } from "../distance-terms.js";
import type { Row } from "../subjects.js";

/** What the app of the suite `scale` works on. */
export interface ScaleApp {
  readonly cluster: readonly { readonly host: string; readonly port: number }[];
  readonly keyPrefix: string;
  /** A Redis that has the versions of what handlers answer. */
  readonly truthUrl: string;
}

/** The argument of a subject's process, as JSON. */
export interface SubjectConfig {
  /** The module in this folder that starts it. */
  readonly program: string;
  readonly redisUrl: string;
  readonly databaseUrl: string;
  readonly tenants: number;
  /** How the cache of this repository is set up; other subjects have one way. */
  readonly row?: Row;
  /** Handlers answer a body of so many bytes that is ready, instead of a list from PostgreSQL. */
  readonly readyBodyBytes?: number;
  /** Instead of `redisUrl`, for the app on a Cluster. */
  readonly scale?: ScaleApp;
  /** Instead of `redisUrl`, for an app with several caches. */
  readonly distances?: readonly Distance[];
  /** Whether the cache of the app of the suite `feed` has one. */
  readonly hasFeed?: boolean;
}

export interface SubjectContext {
  readonly config: SubjectConfig;
  /** What handlers answer; counts how often it was asked for. */
  readonly readRows: (tenant: string, target: string) => Promise<readonly unknown[]>;
  /** Instead of rows, where the config says so; counts too. */
  readonly readyBody: (() => Buffer) | undefined;
  /** Whom a request is for. */
  readonly tenantOf: (authorization: string | undefined) => string | undefined;
}

/** Answers the bench's questions; see {@link ./control.ts}. */
export type Controls = Readonly<Record<string, (argument: unknown) => unknown>>;

export interface RunningSubject {
  readonly server: Server;
  readonly controls?: Controls;
}

/** The default export of a subject's module. */
export type StartSubject = (context: SubjectContext) => Promise<RunningSubject> | RunningSubject;
