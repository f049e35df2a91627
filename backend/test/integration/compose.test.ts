// docker-compose.yml: valid by the specification's schema, and as its operator expects it.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { Ajv } from "ajv";
import addFormats from "ajv-formats";
import { Redis } from "ioredis";
import { parse } from "yaml";
import { parseConfig, VARIABLES } from "../../config.js";
import { projectFile } from "../../project-root.js";
import { type ComposeService, readComposeFile, serverFlags } from "../../servers/compose.js";
import { type RedisServer, startRedisServer } from "../../servers/index.js";
import { interpolated } from "../support/compose-environment.js";

const file = readComposeFile();

function service(name: string): ComposeService {
  const found = file.services[name];
  assert.ok(found, `docker-compose.yml has no service ${name}`);
  return found;
}

/** The value of a flag in a server's command. */
function flag(name: string, option: string): string | undefined {
  const command = service(name).command ?? [];
  const at = command.indexOf(option);
  return at === -1 ? undefined : command[at + 1];
}

describe("docker-compose.yml", () => {
  // It names draft-07 by an https URL, under which ajv does not know that draft.
  const { $schema: _, ...schema } = JSON.parse(
    readFileSync(projectFile("backend/test/fixtures/compose-spec.json"), "utf8"),
  );
  const ajv = new Ajv({ strict: false, allErrors: true });
  addFormats.default(ajv);
  const validate = ajv.compile(schema);

  test("is valid by the Compose specification's schema", () => {
    validate(file);
    assert.deepEqual(validate.errors ?? [], []);
  });

  test("the schema refuses what Compose would", () => {
    const broken = {
      ...file,
      services: { ...file.services, redis: { ...service("redis"), imagee: "valkey" } },
    };
    assert.equal(validate(broken), false);
  });

  test("has the four services and those of monitoring, none of them privileged, all restarted and with bounded logs and memory", () => {
    const profileOf = (name: string) => (service(name) as { profiles?: string[] }).profiles;
    const names = Object.keys(file.services).sort();
    assert.deepEqual(
      names.filter((name) => profileOf(name) === undefined),
      ["backend", "postgres", "redis", "redis-cache"],
    );
    const monitoring = names.filter((name) => profileOf(name)?.join() === "monitoring");
    assert.deepEqual(monitoring, ["alertmanager", "grafana", "prometheus"]);
    for (const name of monitoring) assert.match(service(name).image ?? "", /:v?\d+\.\d+\.\d+$/, name);
    for (const [name, each] of Object.entries(file.services)) {
      const settings = each as Record<string, unknown>;
      assert.equal(settings.restart, "unless-stopped", name);
      assert.match(String(settings.mem_limit), /^\d+[mg]$/, name);
      const logging = settings.logging as { options: Record<string, string> } | undefined;
      assert.ok(logging?.options["max-size"] && logging.options["max-file"], name);
      assert.notEqual(settings.privileged, true, name);
    }
  });

  test("only the backend is reachable from other machines", () => {
    assert.deepEqual(service("backend").ports, ["4001:4001"]);
    assert.deepEqual(service("postgres").ports, ["127.0.0.1:5432:5432"]);
    assert.deepEqual(service("redis").ports, ["127.0.0.1:6379:6379"]);
    assert.deepEqual(service("redis-cache").ports, ["127.0.0.1:6380:6379"]);
    for (const name of ["prometheus", "alertmanager", "grafana"])
      for (const port of service(name).ports ?? []) assert.match(String(port), /^127\.0\.0\.1:/, name);
  });

  test("redis keeps state: on disk, 256 MB, nothing evicted, with a password", () => {
    assert.match(service("redis").image ?? "", /^valkey\/valkey:\d+/);
    assert.equal(flag("redis", "--maxmemory"), "256mb");
    assert.equal(flag("redis", "--maxmemory-policy"), "noeviction");
    assert.equal(flag("redis", "--appendonly"), "yes");
    assert.match(flag("redis", "--requirepass") ?? "", /^\$\{REDIS_PASSWORD:\?/);
    assert.deepEqual(service("redis").volumes, ["redis-data:/data"]);
  });

  test("redis-cache keeps copies: 512 MB, least recently used go first, nothing on disk, with a password", () => {
    assert.match(service("redis-cache").image ?? "", /^valkey\/valkey:\d+/);
    assert.equal(flag("redis-cache", "--maxmemory"), "512mb");
    assert.equal(flag("redis-cache", "--maxmemory-policy"), "allkeys-lru");
    assert.equal(flag("redis-cache", "--save"), "");
    assert.equal(flag("redis-cache", "--appendonly"), "no");
    assert.match(flag("redis-cache", "--requirepass") ?? "", /^\$\{REDIS_CACHE_PASSWORD:\?/);
    assert.equal(service("redis-cache").volumes, undefined);
  });

  test("the backend waits for healthy services, is not root and is asked whether it is ready", () => {
    const backend = service("backend");
    assert.equal(backend.user, "node");
    for (const name of ["postgres", "redis", "redis-cache"]) {
      assert.equal(backend.depends_on?.[name]?.condition, "service_healthy", name);
      assert.ok(service(name).healthcheck, `${name} has a healthcheck`);
    }
    assert.match(backend.healthcheck?.test.join(" ") ?? "", /:4001\/api\/system\/health\/ready/);
  });

  test("no secret has a default, and whoever forgets one is told how to make it", () => {
    const text = readFileSync(projectFile("docker-compose.yml"), "utf8");
    const example = readFileSync(projectFile(".env.example"), "utf8");
    for (const name of ["POSTGRES_PASSWORD", "REDIS_PASSWORD", "REDIS_CACHE_PASSWORD", "JWT_SECRET"]) {
      const uses = [...text.matchAll(new RegExp(`\\$\\{${name}\\b([^}]*)\\}`, "g"))];
      assert.notEqual(uses.length, 0, name);
      // JWT_SECRET may be empty, but not forgotten: a key set takes its place.
      const refused = name === "JWT_SECRET" ? /^\?set .*openssl rand/ : /^:\?set .*openssl rand/;
      for (const [use, rest] of uses) assert.match(rest ?? "", refused, use);
      assert.match(example, new RegExp(`^#${name}=$`, "m"), `.env.example names ${name}`);
    }
  });

  test("the backend gets every variable that it reads, and no other, as .env or the shell has it", () => {
    const passed = service("backend").environment ?? {};
    assert.deepEqual(Object.keys(passed).sort(), [...VARIABLES].sort());
    // What the container decides, not its operator.
    const fixed = { NODE_ENV: "production", HOST: "0.0.0.0", PORT: "4001" };
    for (const [name, value] of Object.entries(passed)) {
      if (name in fixed) assert.equal(value, Reflect.get(fixed, name), name);
      else assert.ok(value === null || new RegExp(`^\\$\\{${name}\\b.*\\}$`).test(value), name);
    }
  });

  const environmentWith = (given: Readonly<Record<string, string>>) =>
    interpolated(service("backend").environment ?? {}, given);
  const secrets = {
    POSTGRES_PASSWORD: "pg",
    REDIS_PASSWORD: "state",
    REDIS_CACHE_PASSWORD: "copies",
    JWT_SECRET: "s".repeat(32),
  };

  test("with the four secrets alone the backend runs on the stack's own servers", () => {
    const config = parseConfig(environmentWith(secrets));
    assert.equal(config.DATABASE_URL, "postgres://crm:pg@postgres:5432/crm");
    assert.deepEqual(config.redis?.options, { host: "redis", port: 6379, db: 0, password: "state" });
    assert.deepEqual(config.redisCache?.options, {
      host: "redis-cache",
      port: 6379,
      db: 0,
      password: "copies",
    });
    for (const missing of Object.keys(secrets))
      assert.throws(() => environmentWith({ ...secrets, [missing]: undefined as never }), /openssl rand/);
  });

  test("every variable that .env sets reaches the backend, and .env.example changes nothing", () => {
    const lines = readFileSync(projectFile(".env.example"), "utf8").matchAll(/^([A-Z_]+)=(.*)$/gm);
    const example = Object.fromEntries([...lines].map(([, name = "", value = ""]) => [name, value]));
    assert.deepEqual(
      parseConfig(environmentWith({ ...example, ...secrets })),
      parseConfig(environmentWith(secrets)),
    );
    for (const name of VARIABLES.filter((each) => !["NODE_ENV", "HOST", "PORT"].includes(each)))
      assert.equal(environmentWith({ ...secrets, [name]: "as set" })[name], "as set", name);
  });

  test("servers, a key set and files of the operator's own take the place of the stack's", () => {
    const config = parseConfig(
      environmentWith({
        ...secrets,
        DATABASE_URL: "",
        DATABASE_URL_FILE: "/run/secrets/database_url",
        REDIS_URL: "rediss://:p%40ss@state.example",
        REDIS_CACHE_HOST: "copies.example",
        REDIS_CACHE_PORT: "7000",
        REDIS_CACHE_PASSWORD: "p@ss/word",
        JWT_SECRET: "",
        JWT_JWKS_URL: "https://id.example.com/jwks",
      }),
      () => "postgres://crm@db.example/crm\n",
    );
    assert.equal(config.DATABASE_URL, "postgres://crm@db.example/crm");
    assert.equal(config.JWT_SECRET, undefined);
    assert.equal(config.redis?.options.host, "state.example");
    assert.deepEqual(config.redisCache?.options, {
      host: "copies.example",
      port: 7000,
      db: 0,
      password: "p@ss/word",
    });
  });

  test("containers have names of their own", () => {
    for (const [name, each] of Object.entries(file.services))
      assert.equal(each.container_name, `crm-${name}`);
  });

  test("the additions that docs/operate/operations.md shows are valid, too", () => {
    const page = readFileSync(projectFile("docs", "operate", "operations.md"), "utf8");
    const blocks = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, block = ""]) => block);
    assert.ok(blocks.length > 0);
    for (const block of blocks) {
      const added = parse(block);
      validate(added);
      assert.deepEqual(validate.errors ?? [], [], block);
      const names = Object.keys(added.services.backend.environment);
      assert.deepEqual(
        names.filter((name) => !VARIABLES.includes(name)),
        [],
      );
      for (const secret of added.services.backend.secrets ?? []) assert.ok(added.secrets[secret], secret);
    }
  });

  test("network and volumes have names of their own", () => {
    assert.deepEqual(file.networks, { backend: { name: "express-tenant-cache" } });
    assert.deepEqual(Object.keys(file.volumes).sort(), [
      "audit-checkpoints",
      "postgres-data",
      "prometheus-data",
      "redis-data",
      "subject-secrets",
    ]);
    for (const volume of Object.values(file.volumes)) assert.ok((volume as { name?: string }).name);
    for (const [name, each] of Object.entries(file.services))
      assert.deepEqual(each.networks, ["backend"], name);
  });
});

describe("Dockerfile", () => {
  const stages = readFileSync(projectFile("Dockerfile"), "utf8")
    .split(/^FROM /m)
    .slice(1);
  const runtime = stages.at(-1) ?? "";

  test("builds in stages, and the last one runs as the user node with production packages", () => {
    assert.ok(stages.length >= 3);
    assert.match(runtime, /^USER node$/m);
    assert.match(runtime, /^ENV NODE_ENV=production$/m);
    assert.match(runtime, /^HEALTHCHECK /m);
    assert.match(runtime, /^COPY backend\/db\/migrations /m);
    assert.doesNotMatch(runtime, /^RUN /m);
    assert.ok(stages.some((stage) => /npm ci --omit=dev/.test(stage)));
  });
});

describe("a server with the flags of redis-cache", () => {
  let server: RedisServer;
  let client: Redis;

  beforeAll(async () => {
    server = await startRedisServer();
    client = new Redis(server.url);
  });

  afterAll(async () => {
    client?.disconnect();
    await server?.stop();
  });

  test("is what tests start, and it says so itself", async () => {
    assert.ok(serverFlags("redis-cache").includes("allkeys-lru"));
    const setting = async (name: string) => {
      const answer: unknown = await client.config("GET", name);
      // A pair in RESP2, a map in RESP3.
      return Array.isArray(answer) ? answer[1] : (answer as Record<string, string>)[name];
    };
    assert.equal(await setting("maxmemory"), String(512 * 1024 * 1024));
    assert.equal(await setting("maxmemory-policy"), "allkeys-lru");
    assert.equal(await setting("save"), "");
    assert.equal(await setting("appendonly"), "no");
  });
});
