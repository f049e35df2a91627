// What `doctor` makes of what a server says: each rule with facts that set it off, and none of them for a server that is well.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import { judgeServer } from "../../src/cli/doctor/judge-server.js";
import { judgeSample, sortKeys } from "../../src/cli/doctor/other-keys.js";
import type { ServerFacts } from "../../src/cli/doctor/server-facts.js";

const WELL = {
  redis_version: "7.2.4",
  role: "master",
  connected_slaves: "1",
  run_id: "a",
  master_replid: "b",
  cluster_enabled: "0",
  loading: "0",
  rdb_last_bgsave_status: "ok",
  aof_last_write_status: "ok",
  maxmemory: String(512 * 2 ** 20),
  maxmemory_policy: "allkeys-lru",
  used_memory: String(100 * 2 ** 20),
  mem_fragmentation_ratio: "1.1",
  evicted_keys: "0",
  connected_clients: "4",
  maxclients: "10000",
  uptime_in_seconds: "60",
};

interface Changes extends Partial<Omit<ServerFacts, "info">> {
  readonly info?: Readonly<Record<string, string>>;
  readonly isCluster?: boolean;
}

function judge({ info, isCluster = false, ...others }: Changes) {
  const facts: ServerFacts = {
    address: "h:1",
    info: new Map(Object.entries({ ...WELL, ...info })),
    latency: { p50Ms: 0.2, p99Ms: 1, samples: 200 },
    clock: { aheadMs: 3, uncertaintyMs: 0.1 },
    ...others,
  };
  return judgeServer(facts, isCluster);
}

describe("a server", () => {
  test("that is well: nothing but ok, and each says what it is", () => {
    const findings = judge({});
    assert.deepEqual(
      findings.filter(({ severity }) => severity !== "ok"),
      [],
    );
    for (const id of [
      "version",
      "role",
      "run-id",
      "maxmemory",
      "maxmemory-policy",
      "memory",
      "latency",
      "clock",
    ])
      assert.ok(
        findings.some((each) => each.id === id && each.says !== ""),
        id,
      );
  });

  const cases: [string, Changes, string, string][] = [
    ["older than 6.2", { info: { redis_version: "6.0.16" } }, "version", "error"],
    ["a replica", { info: { role: "slave", master_host: "m", master_port: "1" } }, "role", "error"],
    ["nameless", { info: { master_replid: "" } }, "run-id", "warning"],
    ["a Cluster's node as one server", { info: { cluster_enabled: "1" } }, "cluster", "error"],
    ["loading", { info: { loading: "1" } }, "loading", "error"],
    ["a full disk", { info: { rdb_last_bgsave_status: "err" } }, "persistence", "error"],
    ["no bound", { info: { maxmemory: "0" } }, "maxmemory", "warning"],
    ["noeviction", { info: { maxmemory_policy: "noeviction" } }, "maxmemory-policy", "warning"],
    ["volatile-ttl", { info: { maxmemory_policy: "volatile-ttl" } }, "maxmemory-policy", "info"],
    ["80 % full", { info: { used_memory: String(450 * 2 ** 20) } }, "memory", "warning"],
    [
      "full without evicting",
      { info: { used_memory: String(510 * 2 ** 20), maxmemory_policy: "noeviction" } },
      "memory",
      "error",
    ],
    ["evicting", { info: { evicted_keys: "12" } }, "evictions", "info"],
    ["fragmented", { info: { mem_fragmentation_ratio: "2.1" } }, "fragmentation", "warning"],
    ["swapped out", { info: { mem_fragmentation_ratio: "0.6" } }, "fragmentation", "warning"],
    ["no room for clients", { info: { connected_clients: "9000" } }, "clients", "warning"],
    ["far away", { latency: { p50Ms: 18, p99Ms: 25, samples: 100 } }, "latency", "warning"],
    ["slow now and then", { latency: { p50Ms: 0.2, p99Ms: 70, samples: 100 } }, "latency", "warning"],
    ["held up for a moment", { latency: { p50Ms: 0.2, p99Ms: 30, samples: 100 } }, "latency", "info"],
    ["ahead", { clock: { aheadMs: 4000, uncertaintyMs: 1 } }, "clock", "warning"],
    ["behind", { clock: { aheadMs: -4000, uncertaintyMs: 1 } }, "clock", "warning"],
    ["silent of itself", { infoRefusal: "NOPERM" }, "info", "info"],
  ];
  for (const [name, changes, id, severity] of cases)
    test(name, () => {
      const findings = judge(changes).filter((each) => each.severity !== "ok");
      const found = findings.find((each) => each.id === id);
      assert.equal(found?.severity, severity, JSON.stringify(findings));
      assert.equal(found?.node, "h:1");
      assert.ok(found?.says && found.means && found.write, "it says what it means, and what to write");
    });

  test("a clock that a slow connection may have made so is none", () => {
    const findings = judge({ clock: { aheadMs: 1500, uncertaintyMs: 800 } });
    assert.equal(findings.find(({ id }) => id === "clock")?.severity, "ok");
  });

  test("a node of a Cluster that was connected to as one is well", () => {
    assert.ok(
      judge({ info: { cluster_enabled: "1" }, isCluster: true }).every(({ severity }) => severity === "ok"),
    );
  });

  test("one that says nothing of itself, as services may, is not accused of anything", () => {
    const findings = judgeServer({ address: "h:1", info: new Map(), infoRefusal: "NOPERM" }, false);
    assert.deepEqual(
      findings.map(({ id }) => id),
      ["info"],
    );
  });
});

describe("keys", () => {
  const OWN = ["crm:tenant:a:m:list:1", "crm:fence:a", "crm:causes:a"];

  test("the cache's own alone are well", () => {
    assert.equal(judgeSample(sortKeys(OWN, "crm:"), "crm:").severity, "ok");
    assert.equal(judgeSample(sortKeys([], ""), "").severity, "ok");
  });

  test("others beside them are told by their beginnings, never in whole", () => {
    const keys = [...OWN, "session:secret-1", "session:secret-2", "secret-3", "other:fence:a"];
    const finding = judgeSample(sortKeys(keys, "crm:"), "crm:");
    assert.equal(finding.severity, "info");
    assert.match(finding.says, /3 of 7 .*session:.*other:tenant:/);
    assert.doesNotMatch(finding.says, /secret/);
  });

  test("a prefix that was forgotten, or is another one, is found", () => {
    const forgotten = judgeSample(sortKeys(OWN, ""), "");
    assert.equal(forgotten.severity, "warning");
    assert.equal(forgotten.write, "--prefix crm:");
    assert.equal(judgeSample(sortKeys(OWN, "crn:"), "crn:").write, "--prefix crm:");
    assert.match(judgeSample(sortKeys(["fence:a"], "crm:"), "crm:").write ?? "", /leave --prefix/);
  });
});
