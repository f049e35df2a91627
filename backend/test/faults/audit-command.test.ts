// `npm run audit`: what auditors and operators run, as processes; a bundle is verified with no database.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { projectFile } from "../../project-root.js";
import { AuditTrail, insertRecords } from "../../services/audit/audit-trail.js";
import { signerKeyText } from "../../services/audit/signed-note.js";
import { runAudit } from "../support/audit-command.js";
import {
  ACTOR,
  type AuditDatabase,
  events,
  pseudonym,
  startAuditDatabase,
  TENANT,
} from "../support/audit-database.js";
import { type AuditLog, LOG_KEY, openAuditLog } from "../support/audit-log.js";

describe("npm run audit", () => {
  let database: AuditDatabase;
  let log: AuditLog;
  let folder: string;
  let env: NodeJS.ProcessEnv;
  const file = (name: string) => path.join(folder, name);
  const run = (...args: string[]) => runAudit(args, env);
  /** Without a database, and without anything of the environment. */
  const offline = (...args: string[]) => runAudit(args, { PATH: process.env.PATH });
  const verify = (bundle: string, ...more: string[]) =>
    offline("verify", bundle, "--key", LOG_KEY.text, ...more);

  beforeAll(async () => {
    database = await startAuditDatabase();
    folder = mkdtempSync(path.join(os.tmpdir(), "audit-command-"));
    log = openAuditLog(database, { folder: file("checkpoints") });
    for (const count of [3, 120, 7]) await log.grow(count);
    env = {
      PATH: process.env.PATH,
      DATABASE_URL: database.url,
      AUDIT_SIGNING_KEY: signerKeyText(LOG_KEY),
      AUDIT_CHECKPOINT_DIR: file("checkpoints"),
    };
    assert.equal((await run("export", "--tenant", TENANT, "--out", file("all.jsonl"))).code, 0);
  });
  afterAll(async () => {
    await database.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test("exports all that is signed, which is verified with the key alone", async () => {
    const { code, stdout } = await verify(file("all.jsonl"), "--json");
    assert.equal(code, 0);
    assert.deepEqual(JSON.parse(stdout), {
      command: "verify",
      valid: true,
      errors: [],
      origin: `crm.example/audit/${TENANT}`,
      size: 130,
      records: 130,
      pruned: 0,
      prunedElsewhere: 0,
    });
    assert.match((await verify(file("all.jsonl"))).stdout, /^valid: 130 records of crm\.example/);
  });

  test("exports a part, and proves a single record, and that one checkpoint continues another", async () => {
    for (const [args, records] of [
      [["export", "--from", "5", "--to", "15"], 10],
      [["prove", "--index", "129"], 1],
      [["prove", "--index", "2", "--size", "3"], 1],
      [["prove", "--from", "3"], 0],
      [["prove", "--from", "3", "--to", "123"], 0],
    ] as const) {
      const made = await run(...args, "--tenant", TENANT, "--out", file("part.jsonl"));
      assert.equal(made.code, 0, made.stderr);
      const { code, stdout } = await verify(file("part.jsonl"), "--json");
      assert.equal(code, 0, stdout);
      assert.equal(JSON.parse(stdout).records, records);
    }
    const { stdout } = await run("prove", "--index", "7", "--tenant", TENANT);
    const { proof } = JSON.parse(stdout.split("\n")[2] ?? "");
    assert.ok(Buffer.from(proof, "base64").length <= 8 * 32);
    assert.match((await run("prove", "--index", "130", "--tenant", TENANT)).stderr, /indexes 0 to 129/);
    assert.match(
      (await run("prove", "--from", "4", "--tenant", TENANT)).stderr,
      /no checkpoint of 4 records/,
    );
  });

  test("a bundle that somebody has changed is refused with exit code 4, and says where", async () => {
    const lines = readFileSync(file("all.jsonl"), "utf8").trimEnd().split("\n");
    const at = lines.findIndex((line) => line.startsWith('{"record":50,'));
    const changes: readonly (readonly [change: (lines: string[]) => string[], told: RegExp])[] = [
      [(all) => all.with(at, (all[at] ?? "").replace("communication", "c0mmunication")), /index 3 to 122/],
      [(all) => all.toSpliced(at, 1), /index 50: the record is missing/],
      [(all) => all.toSpliced(at, 0, all[at] ?? ""), /index 51/],
      [(all) => all.with(at, all[at + 1] ?? "").with(at + 1, all[at] ?? ""), /index 50/],
      [(all) => all.slice(0, at), /no checkpoint covers/],
      [(all) => all.slice(1), /no bundle/],
      [(all) => all.filter((line) => !line.startsWith('{"checkpoint"')), /not signed/],
      [(all) => all.with(at, "{}"), /not known/],
      [(all) => all.with(at, "no JSON"), /no JSON/],
      [(all) => all.map((line) => line.replaceAll("\\n130\\n", "\\n131\\n")), /not signed by crm\.example/],
      [
        (all) => all.map((line) => line.replaceAll(TENANT, "aaaaaaaa-0000-4000-8000-000000000002")),
        /not signed|are not those/,
      ],
    ];
    for (const [change, told] of changes) {
      writeFileSync(file("bad.jsonl"), `${change(lines).join("\n")}\n`);
      const { code, stdout } = await verify(file("bad.jsonl"));
      assert.equal(code, 4, stdout);
      assert.match(stdout, /^NOT VALID/);
      assert.match(stdout, told);
    }
    writeFileSync(file("bad.jsonl"), lines.join("\n").slice(0, -5));
    assert.equal((await verify(file("bad.jsonl"))).code, 4);
  });

  test("another key, a witness that has not signed, and a checkpoint that was got elsewhere", async () => {
    const other = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const foreign = await offline("verify", file("all.jsonl"), "--key", other);
    assert.deepEqual([foreign.code, /the key of PeterNeumann/.test(foreign.stdout)], [4, true]);
    assert.equal((await verify(file("all.jsonl"), "--key", other)).code, 0);
    const unwitnessed = await verify(file("all.jsonl"), "--witness", other);
    assert.deepEqual([unwitnessed.code, /not signed by PeterNeumann/.test(unwitnessed.stdout)], [4, true]);
    writeFileSync(file("note"), (await log.files.latest(TENANT)) ?? "");
    assert.equal((await verify(file("all.jsonl"), "--checkpoint", file("note"))).code, 0);
    // Somebody who leaves out the newest records shows a shorter tree, which is signed.
    const lines = readFileSync(file("all.jsonl"), "utf8").split("\n");
    const end = lines.findIndex((line) => line.includes("\\n123\\n"));
    writeFileSync(file("short.jsonl"), `${lines.slice(0, end + 1).join("\n")}\n`);
    assert.equal((await verify(file("short.jsonl"))).code, 0);
    const short = await verify(file("short.jsonl"), "--checkpoint", file("note"));
    assert.deepEqual([short.code, /does not reach the checkpoint of 130/.test(short.stdout)], [4, true]);
  });

  test("an interrupted pass goes on where it was", async () => {
    const bundle = readFileSync(file("all.jsonl"));
    // As far as it was copied: the pass ends, and its state stays.
    const cut = bundle.indexOf('{"record":100,');
    writeFileSync(file("growing.jsonl"), bundle.subarray(0, cut));
    assert.equal((await verify(file("growing.jsonl"), "--state", file("state"))).code, 4);
    writeFileSync(file("growing.jsonl"), bundle);
    const { code, stdout } = await verify(file("growing.jsonl"), "--state", file("state"), "--json");
    assert.equal(code, 0, stdout);
    assert.equal(JSON.parse(stdout).records, 130);
  });

  test("verifies the database against what was published", async () => {
    const good = await run("verify", "--tenant", TENANT, "--state", file("database-state"), "--json");
    assert.equal(good.code, 0, good.stderr);
    assert.deepEqual(JSON.parse(good.stdout), {
      command: "verify",
      tenant: TENANT,
      valid: true,
      errors: [],
      size: 130,
      provenSize: 130,
      places: ["file"],
    });
    assert.equal(JSON.parse(readFileSync(file("database-state"), "utf8")).size, 130);
    const { rows } = await database.pool.query("SELECT content FROM audit_records WHERE leaf_index = 77");
    await database.pool.query("UPDATE audit_records SET content = '{}' WHERE leaf_index = 77");
    const bad = await run("verify", "--tenant", TENANT);
    await database.pool.query("UPDATE audit_records SET content = $1 WHERE leaf_index = 77", [
      rows[0].content,
    ]);
    assert.equal(bad.code, 4);
    assert.match(bad.stdout, /NOT VALID.*\nindex 77: the record is not the one that was signed/);
  });

  test("prunes, and what is left is valid in the database and in a bundle", async () => {
    // Long before the time for which a tenant keeps such records.
    const old = new AuditTrail({ pool: database.pool, pseudonym, now: () => Date.UTC(2010, 0, 1) });
    const business = events(10).map((each) => ({ ...each, dataClass: "business" as const }));
    await insertRecords(database.pool, TENANT, await old.canonicalRecords(TENANT, ACTOR, business));
    await log.grow(1);
    const args = ["prune", "--tenant", TENANT];
    const asked = await run(...args);
    assert.equal(asked.code, 0, asked.stderr);
    assert.match(asked.stdout, /business: 10 records .* would be pruned.*\n.*--yes/);
    const prunedOf = async () => {
      const done = await run(...args, "--yes", "--json");
      assert.equal(done.code, 0, done.stderr);
      const classes: { dataClass: string; over: number }[] = JSON.parse(done.stdout).classes;
      return classes.map(({ dataClass, over }) => `${dataClass} ${over}`);
    };
    assert.deepEqual(await prunedOf(), ["phi 0", "personal 0", "business 10"]);
    assert.deepEqual(await prunedOf(), ["phi 0", "personal 0", "business 0"]);
    await log.grow(2);
    assert.equal((await run("verify", "--tenant", TENANT)).code, 0);
    await run("export", "--tenant", TENANT, "--out", file("pruned.jsonl"));
    const { code, stdout } = await verify(file("pruned.jsonl"), "--json");
    assert.equal(code, 0, stdout);
    const { pruned, prunedElsewhere } = JSON.parse(stdout);
    assert.deepEqual([pruned, prunedElsewhere], [10, 0]);
    // One more that is taken out is missed by the record of the pruning.
    const lines = readFileSync(file("pruned.jsonl"), "utf8");
    const [, by = ""] = /"by":"([^"]+)"/.exec(lines) ?? [];
    const { rows } = await database.pool.query(
      "SELECT hash FROM audit_nodes WHERE level = 0 AND position = 4",
    );
    const stolen = lines.replace(
      /\{"record":4,.*\n/,
      `{"record":4,"pruned":"${rows[0].hash.toString("base64")}","by":"${by}"}\n`,
    );
    writeFileSync(file("bad.jsonl"), stolen);
    assert.match(
      (await verify(file("bad.jsonl"))).stdout,
      /says that 10 records were pruned, and 11 are missing/,
    );
  });

  test("makes keys, and tells what is wrong with arguments", async () => {
    const { stdout } = await offline("keygen", "crm.example.com/audit", "--json");
    const { AUDIT_SIGNING_KEY, verifierKey } = JSON.parse(stdout);
    assert.match(AUDIT_SIGNING_KEY, /^PRIVATE\+KEY\+crm\.example\.com\/audit\+/);
    assert.match(verifierKey, /^crm\.example\.com\/audit\+[0-9a-f]{8}\+A/);
    for (const args of [
      [],
      ["verify"],
      ["verify", "x", "--tenant", TENANT],
      ["verify", file("all.jsonl")],
      ["prove", "--tenant", TENANT],
      ["prove", "--tenant", TENANT, "--index", "x"],
      ["export"],
      ["prune"],
      ["witness"],
      ["unknown"],
    ]) {
      const { code, stderr } = await run(...args);
      assert.equal(code, 2, `${args}: ${stderr}`);
      assert.notEqual(stderr, "");
    }
    const missing = await verify(file("not-there"));
    assert.deepEqual([missing.code, /ENOENT/.test(missing.stderr)], [1, true]);
    const { code, stdout: help } = await offline("--help");
    assert.equal(code, 0);
    assert.match(help, /Examples:/);
  });

  test("the offline verifier is small, and imports nothing of the backend", () => {
    const sources = ["offline-verifier", "offline-proofs"].map((name) =>
      readFileSync(projectFile("scripts", "audit", `${name}.ts`), "utf8"),
    );
    for (const source of sources) assert.doesNotMatch(source, /from "\.\.\//);
    const lines = sources.reduce((sum, source) => sum + source.trimEnd().split("\n").length, 0);
    assert.ok(lines < 300, `${lines} lines, comments among them`);
  });
});
