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
  /** SIGKILL: connections are reset, the data is gone. */
  kill(): Promise<void>;
  /** Starts again on the same port, empty. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export interface RedisServerOptions {
  /** Flags after those of the compose file's `redis-cache`, so that they win. */
  readonly args?: readonly string[];
  /** Whether it speaks TLS, and nothing else; its clients need `clientTls`. Default false. */
  readonly tls?: boolean;
  /** Path of the program. Default: what `findRedis` finds. */
  readonly program?: string;
}
