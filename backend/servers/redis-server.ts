// A Redis server of one test, to which faults may be done.

/** A server that belongs to one test. */
export interface RedisServer {
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** Of the server's process; changes with `restart`. */
  readonly pid: number;
  /** SIGSTOP: connections stay open, nothing is answered. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** SIGKILL: connections are reset, and what it has not written to disk is gone. */
  kill(): Promise<void>;
  /** Starts again on the same port: empty, or with what `--appendonly yes` has kept. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export interface RedisServerOptions {
  /** Whose flags it has in the compose file. Default: those of `redis-cache`. */
  readonly service?: "redis" | "redis-cache";
  /** Flags after those, so that they win. */
  readonly args?: readonly string[];
  /** Whether it speaks TLS, and nothing else; its clients need `clientTls`. Default false. */
  readonly tls?: boolean;
  /** Path of the program. Default: what `findRedis` finds. */
  readonly program?: string;
}
