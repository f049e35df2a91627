// Two servers, as operators start them: what one erases, the other does not show any more, and neither does Redis.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { Redis } from "ioredis";
import { Client } from "pg";
import supertest from "supertest";
import type { OverlayRole } from "../../http/identity/auth.js";
import {
  createMigratedDatabase,
  type RedisServer,
  startRedisServer,
  type TestDatabase,
} from "../../servers/index.js";
import { issueToken } from "../../services/tokens.js";
import { SECRET, TENANT_A } from "../support/crm.js";
import { type BackendProcess, forkBackend } from "../support/forked-backend.js";
import { CHIEF, communication } from "../support/overlay-database.js";

const SUBJECT = "hubspot%3A77";

describe("erasure with two servers", () => {
  let database: TestDatabase;
  let redis: RedisServer;
  let servers: BackendProcess[] = [];
  let urls: string[] = [];
  const folder = mkdtempSync(path.join(tmpdir(), "subject-secrets-"));
  beforeAll(async () => {
    database = await createMigratedDatabase();
    redis = await startRedisServer();
    const env = {
      PATH: process.env.PATH,
      NODE_ENV: "test",
      DATABASE_URL: database.url,
      PORT: "0",
      JWT_SECRET: SECRET,
      SHUTDOWN_DELAY_MS: "0",
      REDIS_CACHE_URL: redis.url,
      CACHE_BUDGET_MS: "2000",
      SUBJECT_WRAPPING_KEYS: `first:${randomBytes(32).toString("base64")}`,
      SUBJECT_SECRETS_FOLDER: folder,
    };
    servers = [forkBackend(env), forkBackend(env)];
    urls = await Promise.all(servers.map((server) => server.listening()));
    const client = new Client({ connectionString: database.url });
    await client.connect();
    await client.query("INSERT INTO tenants (id, name) VALUES ($1, 'Tenant A')", [TENANT_A]);
    await client.end();
  });
  afterAll(async () => {
    await Promise.all(servers.map((server) => server.kill()));
    await redis.stop();
    await database.drop();
    rmSync(folder, { recursive: true });
  });

  test("the other server shows nothing from the moment of the answer on, and has the report", async () => {
    const [one = "", other = ""] = urls;
    const as = async (role: OverlayRole) => {
      const token = await issueToken({
        secret: SECRET,
        subject: CHIEF,
        role: "member",
        tenantId: TENANT_A,
        overlayRoles: [role],
      });
      return { Authorization: `Bearer ${token}`, "Purpose-Of-Use": "TREAT" };
    };
    const supervisor = await as("supervisor");
    const made = await supertest(one)
      .post("/api/overlay/communications")
      .set(supervisor)
      .send(communication({ client_id: "hubspot:77" }))
      .expect(201);
    const read = () =>
      supertest(other).get(`/api/overlay/communications/${made.body.data.id}`).set(supervisor);
    for (let reads = 0; reads < 2; reads += 1)
      assert.equal((await read().expect(200)).body.data.body, communication().body);

    const exported = await supertest(other)
      .get(`/api/overlay/subjects/${SUBJECT}/export?reason=access`)
      .set(supervisor)
      .expect(200);
    assert.match(JSON.stringify(exported.body), /says Ada Lovelace/);

    const erased = await supertest(one)
      .post(`/api/overlay/subjects/${SUBJECT}/erasure`)
      .set(supervisor)
      .send({ reason: "withdrawn consent" })
      .expect(200);
    assert.equal(erased.body.data.state, "erased");
    assert.ok(erased.body.data.held.some(({ what }: { what: string }) => /communication/.test(what)));
    await read().expect(404);
    const report = await supertest(other)
      .get(`/api/overlay/subjects/${SUBJECT}/erasure`)
      .set(await as("auditor"))
      .expect(200);
    assert.deepEqual(report.body, erased.body);
    await supertest(other)
      .post("/api/overlay/communications")
      .set(supervisor)
      .send(communication({ client_id: "hubspot:77" }))
      .expect(410);

    const client = new Redis(redis.url);
    const dumps = await Promise.all((await client.keys("*")).map((key) => client.dumpBuffer(key)));
    client.disconnect();
    for (const text of ["Lovelace", "Your appointment", "hubspot:77"])
      assert.ok(!dumps.some((dump) => dump?.includes(text)), text);
    for (const { output } of servers) assert.doesNotMatch(output.text, /Lovelace|hubspot|withdrawn/);
  });
});
