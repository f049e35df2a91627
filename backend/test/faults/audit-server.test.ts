// The audit trail in the server: the worker runs behind it, says where it publishes, and leaves nothing when it is stopped.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { until } from "../../servers/until.js";
import { CheckpointFiles } from "../../services/audit/checkpoint-file.js";
import { sizeOf } from "../../services/audit/checkpoint-place.js";
import { openCheckpoint, signerKeyText } from "../../services/audit/signed-note.js";
import { ACTOR, type AuditDatabase, events, startAuditDatabase, TENANT } from "../support/audit-database.js";
import { LOG_KEY } from "../support/audit-log.js";
import { forkBackend } from "../support/forked-backend.js";

describe("the server", () => {
  let database: AuditDatabase;
  let folder: string;
  let env: NodeJS.ProcessEnv;
  beforeAll(async () => {
    database = await startAuditDatabase();
    folder = mkdtempSync(path.join(os.tmpdir(), "audit-server-"));
    env = {
      PATH: process.env.PATH,
      NODE_ENV: "production",
      JWT_SECRET: "a-secret-of-the-tests-with-enough-bytes",
      PORT: "0",
      DATABASE_URL: database.url,
      CACHE_WARM_ON_START: "false",
      SHUTDOWN_DELAY_MS: "0",
      SUBJECT_WRAPPING_KEYS: `first:${Buffer.alloc(32, 4).toString("base64")}`,
      SUBJECT_SECRETS_FOLDER: path.join(folder, "secrets"),
      AUDIT_SIGNING_KEY: signerKeyText(LOG_KEY),
      AUDIT_CHECKPOINT_DIR: path.join(folder, "checkpoints"),
      AUDIT_CHECKPOINT_SECONDS: "1",
    };
  });
  afterAll(async () => {
    await database.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test("signs what is recorded while it runs, and what was when it is stopped", async () => {
    const files = new CheckpointFiles(path.join(folder, "checkpoints"));
    const server = forkBackend(env);
    try {
      await server.listening();
      assert.match(server.output.text, /audit: checkpoints every 1 s, published in [^"]*checkpoints/);
      await database.trail.record(TENANT, ACTOR, events(3));
      await until("a checkpoint", async () => sizeOf(await files.latest(TENANT)) === 3);
      await database.trail.record(TENANT, ACTOR, events(2));
      server.child.kill("SIGTERM");
      assert.equal(await server.ended, 0, server.output.text);
    } finally {
      await server.kill();
    }
    const checkpoint = openCheckpoint((await files.latest(TENANT)) ?? "", [LOG_KEY]);
    assert.equal(checkpoint?.size, 5);
  });

  test("does not start with a key that is damaged, and says which", async () => {
    // Its form is good; its id is that of another key.
    const damaged = signerKeyText(LOG_KEY).replace(/\+[0-9a-f]{8}\+/, "+00000000+");
    const server = forkBackend({ ...env, AUDIT_SIGNING_KEY: damaged });
    assert.equal(await server.ended, 1);
    assert.match(server.output.text, /cannot start: AUDIT_SIGNING_KEY: is no signing key/);
    assert.ok(!server.output.text.includes(damaged));
  });

  test("does not start in production without a key or a place", async () => {
    for (const name of ["AUDIT_SIGNING_KEY", "AUDIT_CHECKPOINT_DIR"]) {
      const server = forkBackend({ ...env, [name]: "" });
      assert.equal(await server.ended, 1);
      assert.match(server.output.text, new RegExp(`${name}: production needs`));
    }
  });
});
